"""Asks the interface all that schemathesis makes of a schema. To load this takes half a second."""

from __future__ import annotations

import re
from typing import Any, cast

import schemathesis
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import booleans
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks as openapi

CHECKS = [
    schemathesis.checks.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
]


def faults(
    document: dict[str, Any],
    application: Any,
    askers: dict[str, dict[str, str]],
    known: dict[str, Any],
    examples: int = 0,
) -> list[str]:
    """Return what is answered otherwise than a schema says, to askers with these headers.

    `known` is what is there, by the names that addresses and bodies ask for it with. With `examples` each
    operation is asked so often, by chance; else a few times, and always the same.
    """
    schema = schemathesis.openapi.from_dict(document)
    schema.app = application
    found: list[str] = []
    for result in schema.get_all_operations():
        operation = cast(Any, result).ok()
        for mode in GenerationMode:
            try:
                _ask(operation, mode, askers, known, examples)
            except Unsatisfiable:  # where nothing is asked for, nothing of it can be wrong
                continue
            except Exception as error:
                found.append(f"{operation.label} ({mode.value}): {error!r}")
    return found


def _ask(
    operation: Any,
    mode: GenerationMode,
    askers: dict[str, dict[str, str]],
    known: dict[str, Any],
    examples: int,
) -> None:
    """Ask an operation with generated requests, every other one for what is there; changes are taken back.

    Each request is generated once, which takes longer than its answer, and sent by every asker.
    """
    names = re.findall(r"\{(\w+)\}", operation.path)
    place = {name: known.get(name, known.get(operation.path.partition("{")[0])) for name in names}

    @settings(
        max_examples=examples or 3,
        derandomize=not examples,
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
