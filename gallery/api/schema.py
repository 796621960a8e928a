"""Makes the schema of an answer from its `TypedDict`: one named component each, also inside others.

What a service answers is declared once; mypy's view of it and the documentation follow from that:

    class LegendAnswer(TypedDict):
        names: list[str]
        experiment: Annotated[int | None, "Whose scores they are."]

    @extend_schema(responses=LegendAnswer)

gives the component `Legend`. The docstring of the class describes it, a text in `Annotated` one of its keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Lock
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    NotRequired,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from django.conf import settings
from django.urls import get_script_prefix
from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import (
    ComponentIdentity,
    append_meta,
    build_array_type,
    build_basic_type,
    build_object_type,
    get_doc,
    resolve_type_hint,
)
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    Direction,
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema_field,
)
from rest_framework.renderers import JSONRenderer

from gallery.access.permissions import SeesHidden
from gallery.access.policies import BIN, Policy, Rule
from gallery.access.routes import policy_of_action
from gallery.api.errors import ErrorAnswer
from gallery.jobs.kinds import registered

Schema: TypeAlias = dict[str, Any]
# drf-spectacular finds out what it extends when it first describes something, which two threads must not do
DESCRIBING = Lock()
Method = TypeVar("Method", bound=Callable[..., object])


# What may be wrong with a request to any address, and with one that sends something.
ERRORS = {
    400: "What was sent cannot be read, or asks for what cannot be.",
    401: "This needs a session or a token.",
    403: "Who asks may not do this.",
    404: "There is no such thing, or no such form of it.",
    405: "This address does not take this method.",
    406: "There is no such form of the answer.",
    413: "It is too large.",
    415: "What was sent is of no form that is read.",
    422: "What was sent can be read and is of no use.",
    429: "Too often; `Retry-After` says when to ask again.",
    431: "The address and its headers are too long.",
    503: "Something that this needs is not there now.",
}
ERRORS_OF_SENDING = {
    408: "It came too slowly.",
    409: "It does not agree with what is there.",
    502: "Another site, of which an image was wanted, did not send it.",
    507: "The server's disk has too little free space to store anything, or can only be read.",
}
# after these the same request may do a moment later
LATER = (429, 503, 507)
RETRY_AFTER = {
    "schema": {"type": "integer", "minimum": 1},
    "description": "Seconds until it is worth to ask again.",
}


def name_server(result: Schema, **_: object) -> Schema:
    """Say below which path the operations are, where a proxy has put the site below one."""
    if (prefix := get_script_prefix().rstrip("/")) and "servers" not in result:
        result["servers"] = [{"url": prefix}]
    return result


class AnswerSchema(AutoSchema):
    """Describes an operation with who may ask for it, its answers, and every error: all of one form."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Schema | None:
        """Add which scope and permissions it needs, as programs read it."""
        operation: Schema | None = super().get_operation(*args, **kwargs)
        policy = self._policy()
        if operation is not None and policy is not None and policy.scope:
            operation |= {"x-scope": policy.scope.value, "x-permissions": list(policy.permissions)}
        return operation

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular's, not Django REST Framework's
        """Return what it does and, for people, what it needs."""
        policy = self._policy()
        said: str = super().get_description()
        return f"{said}\n\nNeeded: {policy.needs}." if policy is not None else said

    def get_auth(self) -> list[Schema]:
        """Return the ways to sign in; for what anybody may ask while reading is open, none is one of them."""
        found: list[Schema] = super().get_auth()
        policy = self._policy()
        if policy is None or policy.rule == Rule.OPEN:
            return [*found, {}]
        if policy.rule == Rule.OWN:  # a token is refused
            return [one for one in found if TokenScheme.name not in one]
        anybody = policy.rule in (Rule.READ, Rule.SEARCH) and settings.OPEN_READING
        return [*found, {}] if anybody else found

    def map_parsers(self) -> list[str]:
        """Return the forms of what is sent: files in a form, everything else as JSON.

        Forms without files are read as well; a program has no need of them, nor of a choice.
        """
        return ["application/json"]

    def get_operation_id(self) -> str:
        """Return a name that every language can give a function."""
        return re.sub(r"\W", "_", super().get_operation_id())

    def _resolve_path_parameters(self, variables: list[str]) -> list[Schema]:
        """Say that the numbers of rows are numbers: routes have patterns for them, which tell no type."""
        found: list[Schema] = super()._resolve_path_parameters(variables)  # type: ignore[no-untyped-call]
        for one in found:
            if one["name"] == "id":
                one["schema"] = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "format": "int64"}
        return found

    def query_parameters(self) -> set[str]:
        """Return the names of the parameters of the address that are documented."""
        names: set[str] = set()
        described: list[Any] = self.get_override_parameters()
        for one in described:
            if isinstance(one, type):  # a serializer, whose fields are the parameters
                names |= set(one().fields)
            elif one.location == OpenApiParameter.QUERY:
                names.add(one.name)
        paginator = self._get_paginator()  # type: ignore[no-untyped-call]
        if paginator is not None and self._is_list_view():
            names |= {one["name"] for one in paginator.get_schema_operation_parameters(self.view)}
        return names

    def _policy(self) -> Policy | None:
        found = policy_of_action(type(self.view), self.method, getattr(self.view, "action", None))
        if found is not None and found.rule == Rule.READ and SeesHidden in self.view.permission_classes:
            return BIN
        return found

    def _get_response_bodies(self, direction: Direction = "response") -> Schema:
        errors = ERRORS if self.method == "GET" else ERRORS | ERRORS_OF_SENDING
        described: Callable[..., Schema] = self._get_response_for_code
        found: Schema = super()._get_response_bodies(direction)
        for status, words in (*sorted(errors.items()), ("default", "What is wrong, and what to do.")):
            error = OpenApiResponse(ErrorAnswer, words)
            shape = described(error, str(status), [JSONRenderer.media_type], direction)
            if status in LATER:
                shape |= {"headers": {"Retry-After": RETRY_AFTER}}
            found.setdefault(str(status), shape)
        return found


class TokenScheme(OpenApiAuthenticationExtension):
    """Says how an access token is sent."""

    target_class = "gallery.accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> Schema:
        """Return the scheme."""
        about = "A token of /accounts/tokens/. `Authorization: Token …` does the same as `Bearer`."
        return {"type": "http", "scheme": "bearer", "description": about}


class TypedDictExtension(OpenApiSerializerExtension):
    """Lets a `TypedDict`, or `list` of one, stand where drf-spectacular expects a serializer."""

    @classmethod
    def _matches(cls, target: Any) -> bool:
        return is_typeddict(_item(target))

    def get_name(self, auto_schema: AutoSchema, direction: Direction) -> str:
        """Return the name of the component."""
        name: str = _item(self.target).__name__.removesuffix("Answer")
        return name if is_typeddict(self.target) else f"{name}List"

    def get_identity(self, auto_schema: AutoSchema, direction: Direction) -> Any:
        """Return what tells two components of the same name apart."""
        return ComponentIdentity(self.target)

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        """Return the schema of the component."""
        if not is_typeddict(self.target):
            return _schema_of(self.target, auto_schema, direction)
        hints = get_type_hints(self.target, include_extras=True)
        properties = {name: _schema_of(hint, auto_schema, direction) for name, hint in hints.items()}
        # hints that are text until now: the class itself has not seen which of them are not required
        required = [
            name for name in self.target.__required_keys__ if get_origin(hints[name]) is not NotRequired
        ]
        return build_object_type(properties=properties, required=required, description=get_doc(self.target))


class UnionExtension(OpenApiSerializerExtension):
    """Lets a union of `TypedDict`s stand for an answer that is one of them."""

    @classmethod
    def _matches(cls, target: Any) -> bool:
        return get_origin(target) in (Union, UnionType) and all(map(is_typeddict, get_args(target)))

    def get_name(self, auto_schema: AutoSchema, direction: Direction) -> str:
        """Return the name of the component."""
        return "Or".join(one.__name__.removesuffix("Answer") for one in get_args(self.target))

    def get_identity(self, auto_schema: AutoSchema, direction: Direction) -> Any:
        """Return what tells two components of the same name apart."""
        return ComponentIdentity(self.target)

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        """Return the schema of the component."""
        return _schema_of(self.target, auto_schema, direction)


class JobResultExtension(OpenApiSerializerFieldExtension):
    """Describes what jobs return: what any kind of them does, as it was registered."""

    target_class = "gallery.api.serializers.JobResultField"

    def get_name(self) -> str:
        """Return the name of the component."""
        return "JobResult"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        """Return the schema: every key that a kind may return, and seconds by the names of stages."""
        properties: Schema = {}
        for kind in registered().values():
            hints = get_type_hints(kind.result, include_extras=True) if kind.result else {}
            for name, hint in hints.items():
                properties.setdefault(name, _schema_of(hint, auto_schema, direction))
        seconds = append_meta(
            build_basic_type(OpenApiTypes.DOUBLE) or {}, {"description": "Seconds of a stage."}
        )
        return build_object_type(
            properties=properties, additionalProperties=seconds, description="What a job did, by its kind."
        )


def example(name: str, body: object) -> OpenApiExample:
    """Return an example of what is sent as JSON."""
    return OpenApiExample(name, body, request_only=True, media_type=JSONRenderer.media_type)


def field_answers(answer: Any) -> Callable[[Method], Method]:
    """Say which `TypedDict` the method of a `SerializerMethodField` returns, so that it has a component."""
    decorate: Callable[[Method], Method] = extend_schema_field(answer)
    return decorate


def _item(target: Any) -> Any:
    """Return what a list is of, or the target itself."""
    return get_args(target)[0] if get_origin(target) is list else target


def _schema_of(hint: Any, auto_schema: AutoSchema, direction: Direction) -> Schema:
    """Return the schema of a type hint.

    drf-spectacular resolves hints too, but writes every nested `TypedDict` out where it is met.
    """

    def schema_of(inner: Any) -> Schema:
        return _schema_of(inner, auto_schema, direction)

    origin, arguments = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        reference: Schema = auto_schema.resolve_serializer(hint, direction).ref
        return reference
    if origin is Annotated:
        return append_meta(schema_of(arguments[0]), {"description": arguments[1]})
    if origin is NotRequired:
        return schema_of(arguments[0])
    if origin in (Union, UnionType):
        return _union(arguments, schema_of)
    if origin is list:
        return build_array_type(schema_of(arguments[0]))
    if origin is tuple:
        length = len(arguments)
        return build_array_type(_union(arguments, schema_of)) | {"minItems": length, "maxItems": length}
    if origin is dict:
        return build_object_type(additionalProperties=schema_of(arguments[1]))
    if hint is float:
        return dict(build_basic_type(OpenApiTypes.DOUBLE) or {})
    return dict(resolve_type_hint(hint))


def _union(hints: tuple[Any, ...], schema_of: Callable[[Any], Schema]) -> Schema:
    """Return the schema of a value of one of these types."""
    some = [hint for hint in dict.fromkeys(hints) if hint is not NoneType]
    if float in some:  # which whole numbers are of as well
        some = [hint for hint in some if hint is not int]
    schema = schema_of(some[0]) if len(some) == 1 else {"oneOf": [schema_of(hint) for hint in some]}
    return append_meta(schema, {"nullable": True}) if NoneType in hints else schema
