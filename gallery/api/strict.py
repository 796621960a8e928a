"""Refuses what nobody reads: fields and parameters of other names are mistakes, and are named in the answer.

Which parameters an address takes stands in its description (`extend_schema`) and nowhere else, so that what
is documented and what is taken cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.settings import api_settings

from gallery.api.schema import DESCRIBING, AnswerSchema

UNKNOWN_PARAMETER = "There is no such parameter here."
UNKNOWN_FIELD = "There is no such field here."
NO_BODY = "Nothing is sent to this address but the request itself."
FIXED_FIELD = "It cannot be set."
SENDING = ("POST", "PUT", "PATCH")


class KnownFields:
    """The part of a serializer that refuses fields it does not have, and those that only answers have."""

    fields: Any

    def to_internal_value(self, data: Any) -> Any:
        """Return what the fields make of it. Raises: ValidationError that names what is unknown."""
        if isinstance(data, Mapping):
            taken = {name for name, field in self.fields.items() if not field.read_only}
            wrong = {
                str(name): [FIXED_FIELD if name in self.fields else UNKNOWN_FIELD]
                for name in data
                if name not in taken
            }
            if wrong:
                raise ValidationError(wrong)
        return super().to_internal_value(data)  # type: ignore[misc]  # of the serializer it is mixed into


class KnownParameters:
    """The part of a view that refuses parameters of an address which its description does not have."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let in who may, then look at the parameters. Raises: ValidationError that names what is unknown."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]  # of the view it is mixed into
        taken = _taken_by(self, request.method or "")
        if taken is None:
            return  # the view itself says which methods it has
        if wrong := {
            name: [UNKNOWN_PARAMETER] for name in request.query_params if name not in taken.parameters
        }:
            raise ValidationError(wrong)
        if request.method in (*SENDING, "DELETE") and not taken.body and request.data:
            if isinstance(request.data, Mapping):
                raise ValidationError({str(name): [UNKNOWN_FIELD] for name in request.data})
            raise ValidationError(NO_BODY)


@dataclass(frozen=True)
class Taken:
    """What an operation takes: names of parameters in the address, and whether it takes a body."""

    parameters: frozenset[str]
    body: bool


_taken: dict[tuple[type, str, str], Taken | None] = {}


def _taken_by(view: Any, method: str) -> Taken | None:
    """Return what a method of a view takes, looked up once; None where it has no such method."""
    method = "GET" if method == "HEAD" else method
    action = getattr(view, "action_map", {}).get(method.lower(), method.lower())
    key = type(view), action, method
    if key not in _taken:
        handler = getattr(type(view), action, None)
        _taken[key] = None if handler is None or method == "OPTIONS" else _described(view, method, handler)
    return _taken[key]


def _described(view: Any, method: str, handler: Any) -> Taken:
    schema = getattr(handler, "kwargs", {}).get("schema", AnswerSchema)()
    schema.view, schema.method = view, method
    with DESCRIBING:
        # the form of the answer is for negotiation to read
        parameters = frozenset({*schema.query_parameters(), str(api_settings.URL_FORMAT_OVERRIDE)})
        return Taken(parameters, method in SENDING and schema.get_request_serializer() is not None)
