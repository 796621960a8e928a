"""The stored vectors of hits, as they compare with one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.index.base import normalise
from search.indexing import snapshots
from search.live.finding.hits import Hit
from search.models import Embedding, SearchIndex
from search.types import Vectors


@dataclass(frozen=True)
class HitVectors:
    """Unit vectors (m, d) of hits under one spec, about a centre; `places` (m,) are theirs among the hits."""

    places: NDArray[np.int64]
    units: Vectors


def of_hits(hits: Sequence[Hit], indexes: Sequence[SearchIndex]) -> list[HitVectors]:
    """Return the vectors of hits that indexes have found, for each spec: other specs do not compare.

    What has lost its vector meanwhile is left out. One query for all.
    """
    places = {hit.image.pk: place for place, hit in enumerate(hits)}
    asked = {(index.dataset_id, index.spec_id) for index in indexes}
    rows = Embedding.objects.filter(image__in=list(places), spec__in={index.spec_id for index in indexes})
    found: dict[int, list[tuple[int, bytes]]] = {}
    for image, dataset, spec, vector in rows.values_list("image_id", "dataset_id", "spec_id", "vector"):
        if (dataset, spec) in asked:
            found.setdefault(spec, []).append((places[image], bytes(vector)))
    return [_of_spec(sorted(own), spec, indexes) for spec, own in sorted(found.items())]


def _of_spec(own: list[tuple[int, bytes]], spec: int, indexes: Sequence[SearchIndex]) -> HitVectors:
    matrix = np.frombuffer(b"".join(vector for _, vector in own), dtype="<f2").reshape(len(own), -1)
    first = next(index for index in indexes if index.spec_id == spec)
    centre = snapshots.searchable(first).centre
    places = np.array([place for place, _ in own], dtype=np.int64)
    return HitVectors(places, normalise(matrix.astype(np.float32) - centre))
