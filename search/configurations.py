"""Which configuration answers live searches of each dataset."""

from __future__ import annotations

from typing import TypedDict

from search.models import SearchIndex


class LiveConfiguration(TypedDict):
    """The names of a live configuration, as the pages say them."""

    model: str
    layer: str
    pooling: str
    dims: int
    reduced: bool


def live_configurations() -> dict[int, LiveConfiguration]:
    """Return dataset id -> its live configuration, in one database query."""
    rows = SearchIndex.objects.filter(live=True).values_list(
        "dataset", "spec__model", "spec__layer", "spec__pooling", "spec__dims", "spec__reduction"
    )
    return {
        dataset: LiveConfiguration(
            model=model, layer=layer, pooling=pooling, dims=dims, reduced=bool(reduction)
        )
        for dataset, model, layer, pooling, dims, reduction in rows
    }
