"""Makes a dataset of stored pictures: the chosen ids wait in a file for the import that copies them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.crypto import get_random_string
from numpy.typing import NDArray

from gallery import jobs
from gallery.errors import NotFoundError
from gallery.ingest import datasets
from gallery.ingest.sources.archives import Contents
from gallery.ingest.sources.members import ArchiveMember, ArchiveProblem
from gallery.models import Dataset, Image, Job
from gallery.system.home import storage_mark
from gallery.system.storage import StorageUnavailableError, storage_errors

READ_ROWS = 500
MOST_IMAGES = 200_000

Ids = NDArray[np.int64]


def new_dataset(slug: str, name: str, image_ids: Sequence[int]) -> tuple[Dataset, Job]:
    """Return a new dataset and the job that copies these pictures into it, with their labels.

    Raises: NotFoundError when none of them exists; TooManyWaitingError.
    """
    ids = np.unique(np.array(image_ids, dtype=np.int64))
    if not any(len(rows) for rows in _rows(ids)):
        raise NotFoundError("None of these images exists any more; choose others.")
    content = io.BytesIO()
    np.save(content, ids)
    selection = default_storage.save(f"uploads/{get_random_string(16)}.npy", ContentFile(content.getvalue()))
    try:
        with transaction.atomic():
            dataset = datasets.save(Dataset(slug=slug, name=name))
            return dataset, jobs.enqueue(jobs.IMPORT, dataset, selection=selection)
    except BaseException:  # whatever it is, as another of this slug: no job will take it
        default_storage.delete(selection)
        raise


def selected(selection: str) -> Ids:
    """Return the ids of the pictures that a job shall copy."""
    with default_storage.open(selection) as file:
        return np.asarray(np.load(file, allow_pickle=False), dtype=np.int64)


def contents(ids: Ids) -> Contents:
    """Return stored pictures as what a source holds."""
    return Contents("selection", len(ids), members(ids))


def members(ids: Ids) -> Iterator[ArchiveMember | ArchiveProblem]:
    """Yield stored pictures as an archive would hold them; what is gone comes with the reason."""
    for asked, rows in zip(_chunks(ids), _rows(ids), strict=True):
        for pk in asked:
            image = rows.get(pk)
            if image is None:
                yield ArchiveProblem(f"image {pk}", "It was removed before it could be copied.")
                continue
            try:
                with storage_errors(), default_storage.open(str(image.file.name)) as file:
                    data = file.read()
            except StorageUnavailableError:  # the whole copy waits for it
                raise
            except OSError as error:
                storage_mark.require()  # it waits as well where all are gone
                yield ArchiveProblem(image.filename, f"Its stored file cannot be read ({error}).")
                continue
            further = tuple(name for name in image.labels if name != image.category)
            yield ArchiveMember(image.filename, image.category, data, further, image.split, image.metadata)


def _chunks(ids: Ids) -> Iterator[list[int]]:
    return (ids[start : start + READ_ROWS].tolist() for start in range(0, len(ids), READ_ROWS))


def _rows(ids: Ids) -> Iterator[dict[int, Image]]:
    return (Image.objects.prefetch_related("further").in_bulk(chunk) for chunk in _chunks(ids))
