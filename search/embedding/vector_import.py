"""Takes in vectors that were made elsewhere: files of NumPy become an index of a dataset under a name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from gallery import jobs
from gallery.access import audit
from gallery.browse.paging import LARGEST_ID
from gallery.errors import SemsearchError
from gallery.models import Dataset, Image, Job
from search import job_kinds
from search.embedding.writer import store_embeddings
from search.features import feature_specs
from search.models import FeatureSpec, SearchIndex
from search.types import FeatureConfig, Ids

# stands where a spec of ours names a network: nothing here can make such features of a picture
MODEL = "imported"
MOST_ROWS = 100_000
MOST_DIMS = 8192
MOST_BYTES = 256 * 2**20  # of one file
LARGEST = 65_504  # in 16 bits
STORED_TOGETHER = 1000
NAMED = 5


class WrongVectorsError(SemsearchError):
    """The files do not hold vectors of images of this dataset."""

    code = "wrong_vectors"
    status = 422


class MadeElsewhereError(SemsearchError):
    """A picture was to get features that are made elsewhere."""

    code = "made_elsewhere"
    status = 422


@dataclass(frozen=True)
class ImportedVectors:
    """Where the vectors are, how many were new, how many images had one already, and the job of the index."""

    index: SearchIndex
    stored: int
    kept: int
    job: Job


def spec_named(name: str, dims: int) -> FeatureSpec:
    """Return the spec of vectors that were made elsewhere."""
    return FeatureSpec.objects.for_config(
        FeatureConfig(
            model=MODEL,
            layer=name,
            pooling="",
            reduction="",
            reduction_digest="",
            input_size=0,
            resize="",
            weights_digest="",
            dims=dims,
        )
    )


def import_vectors(dataset: Dataset, name: str, ids: Ids, vectors: NDArray[Any]) -> ImportedVectors:
    """Store vectors (n, d) of images (n,) of a dataset under a name, and have their index built.

    An image that has one under this name keeps it. Raises: WrongVectorsError; TooManyWaitingError.
    """
    jobs.require_room(job_kinds.INDEX)
    _check(dataset, name, ids, vectors)
    # the first index of a dataset answers its searches, and this one cannot
    feature_specs.live_index(dataset)
    index = feature_specs.index_of(dataset, spec_named(name, vectors.shape[1]))
    stored = 0
    for start in range(0, len(ids), STORED_TOGETHER):
        part = slice(start, start + STORED_TOGETHER)
        stored += store_embeddings(index, ids[part], np.ascontiguousarray(vectors[part], dtype=np.float32))
    audit.record("features.import", dataset, name=name, index=index.pk, stored=stored)
    return ImportedVectors(
        index, stored, len(ids) - stored, jobs.enqueue(job_kinds.INDEX, dataset, index=index.pk)
    )


def read(file: IO[bytes], what: str) -> NDArray[Any]:
    """Return the array of a file of NumPy, which is as long as it says. Raises: WrongVectorsError."""
    try:
        if npy.read_magic(file) != (1, 0):  # tables of numbers have no other
            raise ValueError("another version")
        shape, by_columns, kind = npy.read_array_header_1_0(file)
    except (ValueError, TypeError, SyntaxError, TokenError, RecursionError, MemoryError) as error:
        raise WrongVectorsError(f"The file of the {what} is no .npy file of NumPy.") from error
    size = math.prod(shape) * kind.itemsize
    if kind.hasobject or size > MOST_BYTES:
        raise WrongVectorsError(
            f"The file of the {what} holds no numbers, or more than {MOST_BYTES // 2**20} MiB of them."
        )
    content = file.read(size + 1)
    if len(content) != size:
        raise WrongVectorsError(f"The file of the {what} is shorter or longer than its head says.")
    return np.frombuffer(content, dtype=kind).reshape(shape, order="F" if by_columns else "C")


def _check(dataset: Dataset, name: str, ids: Ids, vectors: NDArray[Any]) -> None:
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise WrongVectorsError("The ids are one row of whole numbers, as embeddings-ids.npy has them.")
    if vectors.ndim != 2 or vectors.dtype.kind != "f":
        raise WrongVectorsError("The vectors are a table of floating-point numbers, a row for each id.")
    if len(ids) != len(vectors) or not len(ids):
        raise WrongVectorsError(
            f"There are {len(ids)} ids and {len(vectors)} vectors: each vector has its id."
        )
    if len(ids) > MOST_ROWS or not 1 <= vectors.shape[1] <= MOST_DIMS:
        raise WrongVectorsError(
            f"Send at most {MOST_ROWS:,} vectors at once, of 1 to {MOST_DIMS:,} numbers: several files may "
            "follow each other under one name."
        )
    if len(np.unique(ids)) != len(ids):
        raise WrongVectorsError("An id is there twice: an image has one vector.")
    # also false for what is no number
    if not bool((np.abs(vectors) <= LARGEST).all()) or not bool(vectors.any(axis=1).all()):
        raise WrongVectorsError(
            f"A vector is all zeros, or holds what is no number or one beyond ±{LARGEST:,}: it has no "
            "direction that can be stored."
        )
    _check_images(dataset, ids)
    other = SearchIndex.objects.filter(dataset=dataset, spec__model=MODEL, spec__layer=name)
    for dims in other.exclude(spec__dims=vectors.shape[1]).values_list("spec__dims", flat=True):
        raise WrongVectorsError(f"Those called {name} have {dims} numbers; choose another name for these.")


def _check_images(dataset: Dataset, ids: Ids) -> None:
    known: set[int] = set()
    asked = ids.tolist()
    for start in range(0, len(asked), STORED_TOGETHER):
        some = [pk for pk in asked[start : start + STORED_TOGETHER] if pk <= LARGEST_ID]
        known |= set(Image.objects.filter(dataset=dataset, pk__in=some).values_list("pk", flat=True))
    if strange := [pk for pk in asked if pk not in known]:
        raise WrongVectorsError(
            f"{len(strange):,} of the ids are no images of {dataset.slug}: "
            f"{', '.join(map(str, strange[:NAMED]))}{', …' if len(strange) > NAMED else ''}."
        )
