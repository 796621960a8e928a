"""The reference of the REST interface: its own schema, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Any, TypeAlias

from drf_spectacular.generators import SchemaGenerator

Schema: TypeAlias = dict[str, Any]
Operation: TypeAlias = tuple[str, str, Schema]


def operations(schema: Schema) -> Iterator[Operation]:
    """Yield address, method and description of each operation, by address."""
    for address, methods in sorted(schema["paths"].items()):
        for method, operation in methods.items():
            if method in ("get", "post", "put", "patch", "delete"):
                yield address, method.upper(), operation


# what an operation does whose view describes all of its own at once, by the end of its id
VERBS = {
    "list": "List them.",
    "retrieve": "Read one.",
    "create": "Make one.",
    "partial_update": "Change one.",
    "destroy": "Delete one.",
}


def as_markdown() -> str:
    """Return a heading for each kind of thing, and a table with what each operation takes and needs."""
    schema: Schema = SchemaGenerator().get_schema(request=None, public=True)
    counted = Counter(_description(operation) for _, _, operation in operations(schema))
    parts = []
    for subject, rows in groupby(operations(schema), lambda row: row[0].split("/")[3]):
        lines = [f"## {subject}", "", "| operation | what it does | takes | scope |", "|---|---|---|---|"]
        lines += [_row(schema, counted, *row) for row in rows]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _description(operation: Schema) -> str:
    """Return the first paragraph of what is said of an operation, without what it needs."""
    paragraph: str = operation.get("description", "").split("\n\nNeeded: ")[0].strip().split("\n\n")[0]
    return " ".join(paragraph.split())


def _row(schema: Schema, counted: Counter[str], address: str, method: str, operation: Schema) -> str:
    words = _description(operation)
    if counted[words] > 1:
        verbs = (verb for end, verb in VERBS.items() if operation["operationId"].endswith(end))
        words = next(verbs, words)
    words = words.replace("|", "\\|").replace("<", "&lt;")
    takes = ", ".join(f"`{name}`" for name in _parameters(schema, operation))
    return f"| `{method} {address}` | {words} | {takes} | {operation.get('x-scope', '')} |"


def _parameters(schema: Schema, operation: Schema) -> list[str]:
    """Return the names of what is asked for beside the address: in its query, then in a body."""
    names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        for body in _shapes(schema, content.get("schema", {})):
            writable = (name for name, of in body.get("properties", {}).items() if not of.get("readOnly"))
            names += [name for name in writable if name not in names]
    return names


def _shapes(schema: Schema, shape: Schema) -> Iterator[Schema]:
    """Yield the objects that a body may be."""
    if "$ref" in shape:
        shape = schema["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    choices = [choice for word in ("oneOf", "anyOf", "allOf") for choice in shape.get(word, ())]
    if not choices:
        yield shape
    for choice in choices:
        yield from _shapes(schema, choice)
