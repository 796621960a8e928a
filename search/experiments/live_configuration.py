"""The live configuration among the experiments: its vectors are stored already, reduced ones too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gallery.models import Dataset
from search.indexing import database_vectors
from search.models import Experiment, SearchIndex
from search.types import Ids


def unmeasured(dataset: Dataset, revision: int, model: str) -> SearchIndex | None:
    """Return the live index of a dataset where its network is `model` and no experiment has measured it.

    With the images of a `revision`, by cosine as live search ranks. None where nothing has been extracted.
    """
    index = SearchIndex.objects.select_related("spec").filter(dataset=dataset, live=True).first()
    if index is None or index.spec.model != model:
        return None
    current = Experiment.objects.filter(
        dataset=dataset, spec=index.spec, metric=Experiment.Metric.COSINE, images_revision=revision
    )
    return index if not current.exists() and database_vectors.embeddings(index).exists() else None


def stored_vectors(index: SearchIndex, images: Ids) -> tuple[Ids, NDArray[np.float32]]:
    """Return those of images (n,) ascending that have a vector under an index, and the vectors (m, d)."""
    rows = database_vectors.embeddings(index).order_by("image").values_list("image", "vector")
    found = [(pk, bytes(vector)) for pk, vector in rows.iterator()]
    keys = np.array([pk for pk, _ in found], dtype=np.int64)
    vectors = np.frombuffer(b"".join(vector for _, vector in found), dtype="<f2").astype(np.float32)
    kept = np.isin(keys, images)
    return keys[kept], vectors.reshape(len(keys), index.spec.dims)[kept]
