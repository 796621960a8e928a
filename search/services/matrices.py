"""Feature matrices: the vectors that experiments and maps read, kept in files beside the pictures."""

from __future__ import annotations

import io
import uuid
from functools import partial

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from numpy.typing import NDArray

from gallery.models import Dataset
from search.models import FeatureMatrix, FeatureSpec
from search.types import Ids, Vectors

# small matrices are merged until they hold this many rows, so that adding pictures one by one stays cheap
FULL_MATRIX_ROWS = 2048
LARGEST_FLOAT16 = 65504.0


def held(dataset: Dataset, spec: FeatureSpec) -> Ids:
    """Return the ids of the images that have features under a spec, ascending; some may be deleted by now."""
    parts = [_ids(matrix) for matrix in _matrices(dataset, spec)]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)


def read(dataset: Dataset, spec: FeatureSpec, image_ids: Ids) -> tuple[Ids, Vectors]:
    """Return those of the ascending ids (n,) that have features, and their vectors (m, d) float32."""
    rows = np.empty((len(image_ids), spec.dims), dtype=np.float32)
    found = np.zeros(len(image_ids), dtype=np.bool_)
    for matrix in _matrices(dataset, spec):
        ids, vectors = _content(matrix)
        places = np.searchsorted(image_ids, ids)
        wanted = places < len(image_ids)
        wanted[wanted] = image_ids[places[wanted]] == ids[wanted]
        rows[places[wanted]] = vectors[wanted]
        found[places[wanted]] = True
    return image_ids[found], rows[found] if not found.all() else rows


def append(dataset: Dataset, spec: FeatureSpec, image_ids: Ids, vectors: Vectors) -> None:
    """Store the vectors (n, d) of images (n,), merged into the last matrix while that is small.

    Values are kept as float16; what does not fit is held at its largest number.
    """
    half = np.clip(vectors, -LARGEST_FLOAT16, LARGEST_FLOAT16).astype("<f2")
    last = _matrices(dataset, spec).last()
    if last is not None and last.count + len(image_ids) <= FULL_MATRIX_ROWS:
        ids, rows = _content(last)
        image_ids, half = np.concatenate([ids, image_ids]), np.concatenate([rows, half])
    else:
        last = None
    content = io.BytesIO()
    np.savez(content, ids=image_ids.astype("<i8"), vectors=half)
    matrix = FeatureMatrix(dataset=dataset, spec=spec, count=len(image_ids))
    with transaction.atomic():
        matrix.file.save(f"{uuid.uuid4().hex}.npz", ContentFile(content.getvalue()))
        if last is not None:
            last.delete()


def drop_file(matrix: FeatureMatrix) -> None:
    """Remove the file of a matrix whose row was deleted, once that is committed."""
    transaction.on_commit(partial(default_storage.delete, str(matrix.file.name)))


def _matrices(dataset: Dataset, spec: FeatureSpec) -> QuerySet[FeatureMatrix]:
    return FeatureMatrix.objects.filter(dataset=dataset, spec=spec).order_by("pk")


def _ids(matrix: FeatureMatrix) -> Ids:
    with default_storage.open(str(matrix.file.name)) as file, np.load(file, allow_pickle=False) as content:
        return np.asarray(content["ids"], dtype=np.int64)


def _content(matrix: FeatureMatrix) -> tuple[Ids, NDArray[np.float16]]:
    with default_storage.open(str(matrix.file.name)) as file, np.load(file, allow_pickle=False) as content:
        return np.asarray(content["ids"], dtype=np.int64), np.asarray(content["vectors"])
