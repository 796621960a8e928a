"""Feature matrices: the vectors that experiments and maps read, kept in files beside the pictures."""

from __future__ import annotations

import io
import logging
import uuid
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from numpy.typing import NDArray

from gallery.errors import TooLargeError
from gallery.models import Dataset
from gallery.system.open_datasets import DatasetClosedError, hold_open
from search.models import FeatureMatrix, FeatureSpec
from search.types import Ids, Vectors

logger = logging.getLogger(__name__)

# small matrices are merged until they hold this many rows, so that adding pictures one by one stays cheap
FULL_MATRIX_ROWS = 2048
LARGEST_FLOAT16 = 65504.0
# ranking holds them three times more; only flatten, and pyramid beyond a hundred thousand pictures, get there
LARGEST_READ_BYTES = 3 * 2**30
ATTEMPTS = 5  # to read while other jobs merge

Result = TypeVar("Result")


def held(dataset: Dataset, spec: FeatureSpec) -> Ids:
    """Return the ids of the images that have features under a spec, ascending; some may be deleted by now."""

    def ids() -> Ids:
        parts = [_ids(matrix) for matrix in _matrices(dataset, spec)]
        return np.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)

    return _undisturbed(ids, dataset, spec)


def read(dataset: Dataset, spec: FeatureSpec, image_ids: Ids) -> tuple[Ids, Vectors]:
    """Return those of the ascending ids (n,) that have features, and their vectors (m, d) float32.

    Raises: TooLargeError when they would not reasonably fit in memory.
    """
    size = len(image_ids) * spec.dims * np.dtype(np.float32).itemsize
    if size > LARGEST_READ_BYTES:
        raise TooLargeError(
            f"The features {spec} of {len(image_ids)} images take {size / 2**30:.1f} GB, more than the "
            f"{LARGEST_READ_BYTES / 2**30:.0f} GB that are read at once: choose average, max or gem pooling."
        )
    rows = np.empty((len(image_ids), spec.dims), dtype=np.float32)
    found = np.zeros(len(image_ids), dtype=np.bool_)

    def fill() -> None:
        for matrix in _matrices(dataset, spec):
            ids, vectors = _content(matrix)
            places = np.searchsorted(image_ids, ids)
            wanted = places < len(image_ids)
            wanted[wanted] = image_ids[places[wanted]] == ids[wanted]
            rows[places[wanted]] = vectors[wanted]
            found[places[wanted]] = True

    _undisturbed(fill, dataset, spec)
    return image_ids[found], rows[found] if not found.all() else rows


def append(dataset: Dataset, spec: FeatureSpec, image_ids: Ids, vectors: Vectors) -> None:
    """Store the vectors (n, d) of images (n,), merged into the last matrix while that is small.

    Values are kept as float16; what does not fit is held at its largest number.

    Raises: DatasetClosedError when the dataset is being deleted.
    """
    half = np.clip(vectors, -LARGEST_FLOAT16, LARGEST_FLOAT16).astype("<f2")

    def small() -> tuple[FeatureMatrix, Ids, NDArray[np.float16]] | None:
        last = _matrices(dataset, spec).last()
        if last is None or last.count + len(image_ids) > FULL_MATRIX_ROWS:
            return None
        return last, *_content(last)

    merged = _undisturbed(small, dataset, spec)
    if merged is not None:
        image_ids, half = np.concatenate([merged[1], image_ids]), np.concatenate([merged[2], half])
    content = io.BytesIO()
    np.savez(content, ids=image_ids.astype("<i8"), vectors=half)
    matrix = FeatureMatrix(dataset=dataset, spec=spec, count=len(image_ids))
    matrix.file.save(f"{uuid.uuid4().hex}.npz", ContentFile(content.getvalue()), save=False)
    try:
        with transaction.atomic():
            hold_open(dataset)
            matrix.save()
            if merged is not None:
                merged[0].delete()
    except (DatabaseError, DatasetClosedError):
        default_storage.delete(str(matrix.file.name))
        raise


def _undisturbed(work: Callable[[], Result], dataset: Dataset, spec: FeatureSpec) -> Result:
    """Do what reads matrices, once more where another job merged one of them away in that moment.

    A matrix whose file is lost goes: its images are extracted again.
    """
    for _ in range(ATTEMPTS):
        try:
            return work()
        except FileNotFoundError:
            for matrix in _matrices(dataset, spec):
                if not default_storage.exists(str(matrix.file.name)):
                    logger.warning("Features are gone from the storage: %s", matrix.file.name)
                    matrix.delete()
    return work()


def _matrices(dataset: Dataset, spec: FeatureSpec) -> QuerySet[FeatureMatrix]:
    return FeatureMatrix.objects.filter(dataset=dataset, spec=spec).order_by("pk")


def _ids(matrix: FeatureMatrix) -> Ids:
    with default_storage.open(str(matrix.file.name)) as file, np.load(file, allow_pickle=False) as content:
        return np.asarray(content["ids"], dtype=np.int64)


def _content(matrix: FeatureMatrix) -> tuple[Ids, NDArray[np.float16]]:
    with default_storage.open(str(matrix.file.name)) as file, np.load(file, allow_pickle=False) as content:
        return np.asarray(content["ids"], dtype=np.int64), np.asarray(content["vectors"])
