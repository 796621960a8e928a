"""An address that takes a file takes one as large as the settings say; no other takes more than a form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator

from semsearch_site.web.limits import Limits, configured, most_bytes, takes_archive

FORM = "multipart/form-data; boundary=b"


def test_every_action_that_takes_a_file_is_known_and_no_other(limits: Limits) -> None:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    kinds = {f"/api/v1/datasets/{{slug}}/{what}/": limits.archive_bytes for what in ("upload", "embeddings")}
    actions = 0
    for path, operations in schema["paths"].items():
        content = operations.get("post", {}).get("requestBody", {}).get("content", {})
        form = content.get("multipart/form-data", {}).get("schema", {})
        named = schema["components"]["schemas"].get(form.get("$ref", "").rpartition("/")[2], form)
        file_bytes = kinds.get(path, limits.image_bytes) if "file" in named.get("properties", {}) else 0
        most = most_bytes(path.replace("{slug}", "mine"), FORM, limits)
        if content:
            assert most == limits.form_bytes + file_bytes, path
        actions += bool(file_bytes)
    assert actions >= 3


def test_the_admin_s_upload_page_takes_archives(limits: Limits) -> None:
    assert takes_archive(reverse("admin:gallery_dataset_upload"))


@pytest.mark.parametrize(
    "kind", ["", "application/json", "application/x-www-form-urlencoded", "text/multipart/"]
)
def test_what_is_no_form_of_several_parts_has_no_file(limits: Limits, kind: str) -> None:
    assert most_bytes("/api/v1/search/", kind, limits) == limits.form_bytes


def test_the_settings_are_what_counts(settings: Any) -> None:
    settings.WEB_QUEUE, settings.MAX_PICTURE_BYTES = 7, 8
    found = configured()
    assert (found.waiting, found.image_bytes) == (7, 8)
    assert replace(found, waiting=1) != found
