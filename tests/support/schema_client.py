"""A client of the REST interface that compares every answer with the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.test import Client

Schema = dict[str, Any]


@dataclass
class SchemaClient:
    """A client that compares each answer with the schema, and notes which operations it has asked."""

    client: Client
    schema: Schema
    operations: set[tuple[str, str]] = field(default_factory=set)

    def get(self, path: str, address: str = "", /, **query: Any) -> Any:
        """GET an address of an operation, which is its path where there is nothing in that."""
        return self._compared("get", path, self.client.get(address or path, query))

    def send(self, method: str, path: str, address: str = "", /, **values: Any) -> Any:
        """Send JSON."""
        answer = self.client.generic(
            method.upper(), address or path, json.dumps(values), content_type="application/json"
        )
        return self._compared(method, path, answer)

    def post(self, path: str, address: str = "", /, **values: Any) -> Any:
        """POST JSON."""
        return self.send("post", path, address, **values)

    def post_form(self, path: str, address: str = "", /, **values: Any) -> Any:
        """POST a form with a file."""
        return self._compared("post", path, self.client.post(address or path, values))

    def _compared(self, method: str, path: str, answer: Any) -> Any:
        documented = self.schema["paths"][path][method]["responses"]
        status = "default" if answer.status_code >= 400 else str(answer.status_code)
        assert status in documented, answer.content
        body = answer.json()
        shape = documented[status]["content"]["application/json"]["schema"]
        problems = list(self._problems(shape, body, path))
        assert not problems
        if status != "default":
            self.operations.add((path, method))
        return body

    def _problems(self, shape: Schema, value: Any, where: str) -> Iterator[str]:
        """Yield what of a value is not as its schema says."""
        if value is None and shape.get("nullable"):
            return
        if "allOf" in shape:
            (shape,) = shape["allOf"]
        if "$ref" in shape:
            shape = self.schema["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
        if "oneOf" in shape:
            if all(any(self._problems(one, value, where)) for one in shape["oneOf"]):
                yield f"{where}: {value!r} is none of {shape['oneOf']}"
            return
        if "enum" in shape and value not in shape["enum"]:
            yield f"{where}: {value!r} is none of {shape['enum']}"
        kind = shape.get("type")
        if kind is not None and not _is(kind, value):
            yield f"{where}: {value!r} is no {kind}"
        elif kind == "array":
            if not shape.get("minItems", 0) <= len(value) <= shape.get("maxItems", len(value)):
                yield f"{where}: {len(value)} items"
            for item in value:
                yield from self._problems(shape["items"], item, f"{where}[]")
        elif kind == "object":
            yield from self._problems_of_keys(shape, value, where)

    def _problems_of_keys(self, shape: Schema, value: dict[str, Any], where: str) -> Iterator[str]:
        if "properties" not in shape:
            for item in value.values():
                yield from self._problems(shape["additionalProperties"], item, f"{where}.*")
            return
        if "additionalProperties" in shape:
            for name in value.keys() - shape["properties"].keys():
                yield from self._problems(shape["additionalProperties"], value[name], f"{where}.{name}")
            value = {name: one for name, one in value.items() if name in shape["properties"]}
        known = [name for name in shape["properties"] if name in value]
        # PostgreSQL keeps a stored JSON object in an order of its own, a manifest's file is sorted, and what
        # jobs return has one description for all kinds
        in_order = connection.vendor != "postgresql" and not {"manifest", "result"} & set(where.split("."))
        if (list(value) if in_order else sorted(value)) != (known if in_order else sorted(known)):
            yield f"{where}: has {list(value)}, its schema says {list(shape['properties'])}"
        if lacking := set(shape.get("required", ())) - set(value):
            yield f"{where}: lacks {lacking}"
        for name in known:
            yield from self._problems(shape["properties"][name], value[name], f"{where}.{name}")


def _is(kind: str, value: Any) -> bool:
    if kind in ("integer", "number") and isinstance(value, bool):
        return False
    types: dict[str, Any] = {
        "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
    }  # fmt: skip
    return isinstance(value, types[kind])
