"""What schemathesis makes of the schema is answered as the schema says, whoever asks, and never by a 5xx.

`SCHEMA_EXAMPLES=100` asks so often of each operation and kind instead of a few times, by chance and not
always the same: `SCHEMA_EXAMPLES=100 make test FILE=tests/search/test_schema_fuzzing.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import booleans
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks as openapi

from gallery.access.scopes import Scope
from gallery.accounts import tokens
from search.models import SearchIndex
from tests.search.test_answers import Site, site
from tests.support.web_application import application

__all__ = ["site"]  # a fixture

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "0"))
CHECKS = [
    schemathesis.checks.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
]


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
    schema = schemathesis.openapi.from_dict(strict_schema())
    schema.app = application()
    known = known_values(site)
    askers = {"nobody": {}, "staff": {"Authorization": f"Token {token_of_staff()}"}}
    failures: list[str] = []
    for result in schema.get_all_operations():
        operation = cast(Any, result).ok()
        for mode in GenerationMode:
            try:
                ask(operation, mode, askers, known)
            except Unsatisfiable:  # where nothing is asked for, nothing of it can be wrong
                continue
            except Exception as error:
                failures.append(f"{operation.label} ({mode.value}): {error!r}")
    assert not failures, "\n\n".join(failures)


def ask(
    operation: Any,
    mode: GenerationMode,
    askers: dict[str, dict[str, str]],
    known: dict[str, Any],
) -> None:
    """Ask an operation with generated requests, every other one for what is there; changes are taken back.

    Each request is generated once, which takes longer than its answer, and sent by every asker.
    """
    names = re.findall(r"\{(\w+)\}", operation.path)
    place = {name: known.get(name, known.get(operation.path.partition("{")[0])) for name in names}

    @settings(
        max_examples=EXAMPLES or 3,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_there=booleans())
    def asked(case: Any, is_there: bool) -> None:
        if is_there:
            case.path_parameters = place or case.path_parameters
            for values in (case.query, case.body):
                if isinstance(values, dict):
                    values |= {name: known[name] for name in values if name in known}
        for name, headers in askers.items():
            with transaction.atomic():
                # what calls an application directly asks for compressed answers and reads none
                response = case.call(headers={**headers, "Accept-Encoding": "identity"})
                transaction.set_rollback(True)
            try:
                case.validate_response(response, checks=CHECKS)
            except Exception as error:
                raise AssertionError(f"asked by {name}: {error!r}") from error

    asked()
