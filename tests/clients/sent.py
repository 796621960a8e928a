"""What a client sends, held to the schema."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import httpx
from semsearch_client.calls import OPERATIONS

Schema = dict[str, Any]


@dataclass
class Checked(httpx.BaseTransport):
    """Sends requests to a site, holds each to the schema, and remembers which operations were asked."""

    schema: Schema
    operations: set[str] = field(default_factory=set)
    inner: httpx.HTTPTransport = field(default_factory=httpx.HTTPTransport)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; what is no operation, as a file, is not looked at."""
        request.read()
        if request.url.path.startswith("/api/"):
            self.operations.add(self._checked(request))
        return self.inner.handle_request(request)

    def _checked(self, request: httpx.Request) -> str:
        name = operation_of(request)
        described = self.schema["paths"][OPERATIONS[name].path][request.method.lower()]
        assert described["operationId"] == name
        parameters = {one["name"] for one in described.get("parameters", ()) if one["in"] == "query"}
        assert set(request.url.params) <= parameters, name
        kind = request.headers.get("Content-Type", "").partition(";")[0]
        if kind:
            shape = described["requestBody"]["content"][kind]["schema"]
            self._fits(shape, sent(request, kind), name)
        return name

    def _fits(self, shape: Schema, names: Any, where: str) -> None:
        """Look whether all names are known, and those that are needed are there; lists and objects too."""
        if "$ref" in shape:
            shape = self.schema["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
        if shape.get("type") == "array" and isinstance(names, list):
            for one in names:
                self._fits(shape["items"], one, where)
        if isinstance(names, dict) and "properties" in shape:
            assert names.keys() <= shape["properties"].keys(), where
            assert set(shape.get("required", ())) <= names.keys(), where
            for name, value in names.items():
                self._fits(shape["properties"][name], value, f"{where}.{name}")


def operation_of(request: httpx.Request) -> str:
    """Return the name of the operation that a request is for."""
    for name, operation in OPERATIONS.items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", operation.path.replace(".", r"\."))
        if operation.method == request.method and re.fullmatch(pattern, request.url.path):
            return name
    raise AssertionError(f"{request.method} {request.url.path} is no operation of the client")


def sent(request: httpx.Request, kind: str) -> Any:
    """Return what a request sends: JSON, or the names of a form's parts."""
    if kind == "application/json":
        return json.loads(request.content)
    return {name.decode(): "" for name in re.findall(rb'form-data; name="([^"]+)"', request.content)}
