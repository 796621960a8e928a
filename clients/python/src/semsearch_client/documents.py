"""Query documents: what a search asks that the simple form of one cannot say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from semsearch_client.errors import Refused

# x0, y0, x1, y1 as shares of the sides of the upright image
Box: TypeAlias = "tuple[float, float, float, float]"


def document(example: Mapping[str, object], where: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a search with one example. Raises: Refused for an index by its number."""
    if where.get("index") is not None:
        raise Refused(
            "A part of an image is searched with in the live indexes: leave index out.", code="invalid"
        )
    k = where.get("k", 20)
    found: dict[str, Any] = {"like": [dict(example)], "k": k}
    if where.get("dataset") is not None:
        found["datasets"] = [where["dataset"]]
    if where.get("label") is not None:
        found["where"] = {"label": where["label"]}
    if where.get("page", 1) > 1:
        found["cursor"] = str((where["page"] - 1) * k)
    return found
