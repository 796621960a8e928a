"""What schemathesis makes of the schema is answered as the schema says, whoever asks, and never by a 5xx.

`SCHEMA_EXAMPLES=100` asks so often of each operation and kind instead of a few times, by chance and not
always the same: `SCHEMA_EXAMPLES=100 make test FILE=tests/search/test_schema_fuzzing.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator

from gallery.access.scopes import Scope
from gallery.accounts import tokens
from search.models import SearchIndex
from tests.search.test_answers import Site, site
from tests.support.web_application import application

__all__ = ["site"]  # a fixture

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "0"))


@pytest.fixture
def open_connections() -> Iterator[None]:
    """Keep the connections of a test's transaction open over requests, as Django's own client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def strict_schema() -> dict[str, Any]:
    """Return the schema without `default`, which would allow every status."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    for operations in schema["paths"].values():
        for operation in operations.values():
            del operation["responses"]["default"]
    return schema


def token_of_staff() -> str:
    """Return a token that may do everything."""
    user = User.objects.create(username="fuzzer", is_staff=True, is_superuser=True)
    return tokens.make_token(user, "fuzzer", Scope)[1]


def known_values(site: Site) -> dict[str, Any]:
    """Return what is there, by the names that addresses and bodies ask for it with."""
    return {
        "slug": site.image.dataset.slug,
        "dataset": site.image.dataset.slug,
        "image": site.image.pk,
        "images": [site.image.pk],
        "name": "efficientnet-lite0",
        "layer": "stage3",
        "experiment": site.experiment.pk,
        "index": SearchIndex.objects.order_by("pk")[0].pk,
        "ids": str(site.image.pk),
        "/api/v1/datasets/": site.image.dataset.slug,
        "/api/v1/images/": site.image.pk,
        "/api/v1/jobs/": site.job.pk,
        "/api/v1/experiments/": site.experiment.pk,
        "/api/v1/projections/": site.projection.pk,
        "/api/v1/indexes/": SearchIndex.objects.order_by("pk")[0].pk,
    }


@pytest.mark.django_db
@pytest.mark.usefixtures("open_connections", "collected_static_files", "without_broker")
def test_every_operation_answers_as_its_schema_says(site: Site) -> None:
    from tests.support.schema_fuzzing import faults  # it takes long to load

    askers = {"nobody": {}, "staff": {"Authorization": f"Token {token_of_staff()}"}}
    found = faults(strict_schema(), application(), askers, known_values(site), EXAMPLES)
    assert not found, "\n\n".join(found)
