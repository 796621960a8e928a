"""The files of projections: written whole, replaced with their row, read by pages and by the next map."""

from __future__ import annotations

import io
import uuid
from dataclasses import dataclass

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, transaction
from numpy.typing import NDArray

from gallery.errors import NotFoundError, SemsearchError
from gallery.system.home.stored_files import delete_on_commit
from gallery.system.open_datasets import DatasetClosedError, hold_open
from search.damage import DAMAGE
from search.models import Projection
from search.types import Ids


class MapDamagedError(SemsearchError):
    """The file of a map is not what was written."""

    code = "map_damaged"
    status = 503


@dataclass(frozen=True)
class StoredMap:
    """A map as it is stored: ascending image ids (n,), points (n, 2) float32, clusters (n,) uint16."""

    ids: Ids
    points: NDArray[np.float32]
    clusters: NDArray[np.uint16]


def store(projection: Projection, stored_map: StoredMap) -> None:
    """Write a map beside its predecessor and save the row that points at it; the predecessor goes last.

    The predecessor is the one that is there now: another process may have made this map meanwhile.

    Raises: DatasetClosedError when the dataset is being deleted.
    """
    content = io.BytesIO()
    np.savez(
        content,
        ids=stored_map.ids.astype("<i8"),
        points=stored_map.points.astype("<f4"),
        clusters=stored_map.clusters.astype("<u2"),
    )
    projection.file.save(f"{uuid.uuid4().hex}.npz", ContentFile(content.getvalue()), save=False)
    made = str(projection.file.name)
    same = Projection.objects.select_for_update().filter(
        dataset=projection.dataset, spec=projection.spec, method=projection.method, digest=projection.digest
    )
    try:
        with transaction.atomic():
            hold_open(projection.dataset)
            before = same.first()
            if before is not None:
                projection.pk = before.pk
                delete_on_commit(before.file)
            projection.save(force_insert=before is None, force_update=before is not None)
    except (DatabaseError, DatasetClosedError):
        # another process was first, or the dataset is being deleted
        default_storage.delete(made)
        raise


def read(projection: Projection) -> StoredMap:
    """Return the map of a projection, also when it is replaced in this moment.

    Raises: NotFoundError when its file is gone; MapDamagedError when it is damaged.
    """
    try:
        return _content(projection)
    except FileNotFoundError:
        now = Projection.objects.filter(pk=projection.pk).first()
    try:
        if now is not None and now.file.name != projection.file.name:
            return _content(now)
    except FileNotFoundError:
        pass
    raise NotFoundError(f"The places of map {projection.pk} are gone from the storage: compute it again.")


def _content(projection: Projection) -> StoredMap:
    with default_storage.open(str(projection.file.name)) as file:
        try:
            with np.load(file, allow_pickle=False) as content:
                return StoredMap(
                    np.asarray(content["ids"], dtype=np.int64),
                    np.asarray(content["points"], dtype=np.float32),
                    np.asarray(content["clusters"], dtype=np.uint16),
                )
        except DAMAGE as error:
            raise MapDamagedError(
                f"The file of map {projection.pk} is damaged: delete the map and compute it again."
            ) from error
