"""Scripts arrive at once: in one file where they are collected, else each page names all that they import."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.template import Context, Template
from django.test import Client

from semsearch_site.assets.modules import imported_by, imports

PAGES = (
    "/",
    "/compare/",
    "/leaderboard/",
    "/tuning/",
    "/embeddings/",
    "/live/",
    "/saved/",
    "/datasets/",
    "/datasets/mine/",
    "/datasets/mine/images/{image}/",
    "/jobs/",
    "/jobs/{job}/",
)
PRELOADED = re.compile(r'<link rel="modulepreload" href="/static/([^"]+)">')
ENTRY = re.compile(r'<script type="module" src="/static/([^"]+)"></script>')
# by its end, where semsearch_site/assets/modules.py looks for its beginning
IMPORTED = re.compile(r"""(?:\bfrom|^import)\s*["'](\.{1,2}/[^"']+)["'];""", re.MULTILINE)


def collected_imports(name: str) -> set[str]:
    """Return what a collected module imports, by the names that browsers ask for."""
    text = (Path(site.STATIC_ROOT) / name).read_text()
    folder = posixpath.dirname(name)
    return {posixpath.normpath(posixpath.join(folder, imported)) for imported in IMPORTED.findall(text)}


def reached(entries: list[str]) -> set[str]:
    """Return all modules that a browser loads for these, themselves included."""
    found, waiting = set(entries), list(entries)
    while waiting:
        new = collected_imports(waiting.pop()) - found
        found |= new
        waiting += new
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_a_page_names_every_module_that_it_loads_once(
    staff_client: Client, numbers: dict[str, int], path: str
) -> None:
    page = staff_client.get(path.format(**numbers)).content.decode()
    entries, preloaded = ENTRY.findall(page), PRELOADED.findall(page)
    assert entries
    assert sorted([*entries, *preloaded]) == sorted(reached(entries))


def test_the_map_has_many_modules_and_its_entry_is_not_among_them() -> None:
    found = imported_by("js/embeddings/page.js")
    assert len(found) > 30
    assert "js/map/drawing/shaders.js" in found
    assert "js/embeddings/page.js" not in found


@pytest.fixture
def uncollected(settings: Any) -> None:
    """Name static files as finders know them."""
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


def test_collected_scripts_of_a_page_are_one_file() -> None:
    template = Template('{% load modules %}{% modules "js/jobs/progress.js" "js/jobs/actions.js" %}')
    (name,) = ENTRY.findall(template.render(Context()))
    assert name.startswith("js/bundles/jobs-progress--jobs-actions.")
    assert not PRELOADED.findall(template.render(Context()))


def test_what_two_scripts_share_is_named_once_and_neither_script_is_preloaded(uncollected: None) -> None:
    template = '{% load modules %}{% modules "js/jobs/progress.js" "js/jobs/actions.js" %}'
    tags = Template(template).render(Context())
    preloaded = PRELOADED.findall(tags)
    assert len(preloaded) == len(set(preloaded))
    assert [name.split(".")[0] for name in ENTRY.findall(tags)] == ["js/jobs/progress", "js/jobs/actions"]
    assert not any(name.startswith(("js/jobs/progress", "js/jobs/actions")) for name in preloaded)
    assert any(name.startswith("js/shared/api") for name in preloaded)


def test_a_script_that_imports_nothing_needs_no_links() -> None:
    tags = Template('{% load modules %}{% modules "js/shared/format.js" %}').render(Context())
    assert tags.startswith("<script ")


def test_names_are_those_of_the_storage_in_use(settings: Any) -> None:
    template = Template('{% load modules %}{% modules "js/jobs/progress.js" %}')
    hashed = ENTRY.findall(template.render(Context()))
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    plain = PRELOADED.findall(template.render(Context()))
    assert plain == imported_by("js/jobs/progress.js")
    assert hashed[0].startswith("js/bundles/jobs-progress.")


def test_types_named_in_comments_are_not_loaded() -> None:
    assert "js/shared/types.js" not in imported_by("js/explore/page.js")


def test_a_script_that_is_not_there_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"js/nowhere\.js"):
        imports("js/nowhere.js")
