"""Query documents: what a search asks that the simple form of one cannot say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from semsearch_client.errors import Refused
from semsearch_client.images import ImageLike

# what the simple form of a search has not
DOCUMENT_ONLY = ("words", "text", "where", "cutoff", "fold")

# x0, y0, x1, y1 as shares of the sides of the upright image
Box: TypeAlias = "tuple[float, float, float, float]"


# An image, or an example as the API takes it: `{"image": 7, "weight": 2, "box": [0, 0, 0.5, 1]}`.
Example: TypeAlias = "ImageLike | Mapping[str, object]"
# As people type it (`label:wren width>=640`), or as the API takes it (`{"label": {"any": ["wren"]}}`).
Where: TypeAlias = "str | Mapping[str, object]"
# A probability, or `{"mode": "percentile", "at": 0.99}`.
Cutoff: TypeAlias = "float | Mapping[str, object]"


def document(
    like: Sequence[Mapping[str, object]], unlike: Sequence[Mapping[str, object]], asked: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the document of a search. Raises: Refused for what does not go together."""
    if asked.get("index") is not None:
        raise Refused(
            "An index by its number takes one whole image and no more: leave index out.", code="invalid"
        )
    if asked.get("label") is not None and asked.get("where") is not None:
        raise Refused("Name the label within where: label:wren width>=640.", code="invalid")
    words, k, page = asked.get("words", ()), asked.get("k", 20), asked.get("page", 1)
    found = {
        "like": list(like),
        "unlike": list(unlike),
        "words": [words] if isinstance(words, str) else list(words),
        "text": asked.get("text", ""),
        "where": asked.get("where")
        or ({"label": asked["label"]} if asked.get("label") is not None else None),
        "datasets": [asked["dataset"]] if asked.get("dataset") is not None else None,
        "k": k,
        "cursor": str((page - 1) * k) if page > 1 else None,
        "cutoff": asked.get("cutoff"),
        "fold": asked.get("fold"),
    }
    return {name: value for name, value in found.items() if value not in (None, [], "")} | {
        "like": found["like"]
    }
