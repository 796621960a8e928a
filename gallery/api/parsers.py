"""Reads the bodies of requests: what no field could take is refused here, whichever field it is for."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import QueryDict
from rest_framework import parsers
from rest_framework.exceptions import ParseError, ValidationError

# Nothing that is asked for is nested deeper; Python's own limit is reached where it happens to be.
DEEPEST = 32
LARGEST_INTEGER = 2**63 - 1


class JsonParser(parsers.JSONParser):
    """JSON in UTF-8, of values that a database can hold: RFC 8259 leaves limits to who reads."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return what the body says. Raises: ParseError; ValidationError; RequestDataTooBig."""
        try:
            value = json.loads(_read(stream).decode("utf-8"), parse_constant=_no_number)
        except RecursionError:
            raise ParseError(f"The JSON is nested deeper than {DEEPEST} levels.") from None
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from error
        check_values(value)
        return value


class FormParser(parsers.FormParser):
    """A form whose texts can be stored."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the fields. Raises: ValidationError; SuspiciousOperation for too many or too long ones."""
        form = QueryDict(_read(stream), encoding="utf-8")
        check_values(dict(form.lists()))
        return form


class MultiPartParser(parsers.MultiPartParser):
    """A form with files whose texts can be stored."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return fields and files.

        Raises: ParseError; ValidationError; SuspiciousOperation for too many or too long ones.
        """
        try:
            form = super().parse(stream, media_type, parser_context)
        except (LookupError, ValueError) as error:  # encodings of single parts
            raise ParseError(f"Multipart form parse error - {error}") from error
        check_values(dict(form.data.lists()))
        check_values(list(form.files))
        return form


def check_values(value: object) -> None:
    """Look through what was parsed. Raises: ValidationError for what no database takes, or too deep."""
    waiting = [(value, 1)]
    while waiting:
        one, depth = waiting.pop()
        if isinstance(one, str):
            _check_text(one)
        elif isinstance(one, int) and abs(one) > LARGEST_INTEGER:
            raise ValidationError("A whole number in the body has more than 64 bits.")
        elif isinstance(one, float) and not math.isfinite(one):
            raise ValidationError("A number in the body is too large.")
        elif isinstance(one, dict | list):
            if depth > DEEPEST:
                raise ValidationError(f"The body is nested deeper than {DEEPEST} levels.")
            waiting += [(inner, depth + 1) for inner in _inside(one)]


def _inside(value: dict[str, Any] | list[Any]) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    else:
        yield from value


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValidationError("A text in the body holds the character NUL, which cannot be stored.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValidationError("A text in the body holds half a character (a lone surrogate).") from None


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def _read(stream: Any) -> bytes:
    """Return a body that is read at once. Raises: RequestDataTooBig."""
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    content: bytes = stream.read(most + 1)
    if len(content) > most:
        raise RequestDataTooBig(f"The body has more than {most} bytes.")
    return content
