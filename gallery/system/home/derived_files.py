"""Keeps files that can be made again from an image, as many as DERIVED_FILES_MB takes; the least used go.

A file is written under a name of its own before its row, and removed after it: readers, other processes and
other machines see whole files or none. The row is the truth, in whichever storage the file lies.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from functools import partial

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.crypto import get_random_string

from gallery.errors import NotFoundError
from gallery.models import DerivedFile, Image
from gallery.system.storage import StorageUnavailableError, storage_errors

logger = logging.getLogger(__name__)

MEGABYTE = 2**20
TRIED = 3  # times to read or to replace what other processes replace at the same moment


def read(key: str, *, used: bool = True) -> bytes | None:
    """Return the content that is kept under a key, None for nothing; `used` makes it the last to go.

    Raises: StorageUnavailableError.
    """
    for _ in range(TRIED):
        row = DerivedFile.objects.filter(key=key).first()
        if row is None:
            return None
        try:
            with storage_errors(), default_storage.open(row.file) as file:
                content: bytes = file.read()
        except StorageUnavailableError:
            raise
        except OSError:
            continue
        if used:
            DerivedFile.objects.filter(pk=row.pk).update(used_at=timezone.now())
        return content
    return None


def write(key: str, content: bytes, image: Image, ending: str) -> None:
    """Keep content under a key, in place of what was there, and let go of what is too much then.

    Raises: NotFoundError where the image was removed meanwhile; StorageUnavailableError.
    """
    with storage_errors():
        name = _saved(f"{key}.{get_random_string(8)}{ending}", content)
    for _ in range(TRIED):
        try:
            replaced = _put_row(DerivedFile(key=key, file=name, size_bytes=len(content), image=image))
        except IntegrityError:
            if Image.objects.filter(pk=image.pk).exists():
                continue  # another process stored its own in this moment
            _delete(name)
            raise NotFoundError(f"There is no image {image.pk} any more.") from None
        _delete_all(replaced)
        _make_room(besides=key)
        return
    _delete(name)


@transaction.atomic
def _put_row(row: DerivedFile) -> list[str]:
    """Store a row in place of that with its key, which is never changed; returns the file of that, if any.

    Raises: IntegrityError where another process was first, or the image is gone.
    """
    names = _take_rows(key=row.key)
    row.save(force_insert=True)
    return names


def _take_rows(**of: object) -> list[str]:
    """Remove rows and return the files of just these: others may come in this moment."""
    rows = dict(DerivedFile.objects.select_for_update().filter(**of).values_list("pk", "file"))
    DerivedFile.objects.filter(pk__in=rows).delete()
    return list(rows.values())


@transaction.atomic
def drop(image_ids: Iterable[int]) -> None:
    """Remove what is kept of images, in the caller's transaction; the files go once it is committed."""
    names = _take_rows(image__in=list(image_ids))
    transaction.on_commit(partial(_delete_all, names), robust=True)


def kept_bytes() -> int:
    """Return how much is kept."""
    return DerivedFile.objects.aggregate(n=Sum("size_bytes"))["n"] or 0


def _make_room(besides: str) -> None:
    """Let go of what was not used for longest, until what is kept fits; never of what was just made."""
    too_much = kept_bytes() - settings.DERIVED_FILES_MB * MEGABYTE
    while too_much > 0:
        row = DerivedFile.objects.exclude(key=besides).order_by("used_at", "pk").first()
        if row is None:
            return
        # it may have been read, or removed by another process, since the row was read
        if DerivedFile.objects.filter(pk=row.pk, used_at=row.used_at).delete()[0]:
            _delete(row.file)
        too_much = kept_bytes() - settings.DERIVED_FILES_MB * MEGABYTE


def _saved(name: str, content: bytes) -> str:
    try:
        return default_storage.save(name, ContentFile(content))
    except FileNotFoundError:  # its folder was empty and went in this moment
        return default_storage.save(name, ContentFile(content))


def _delete_all(names: Iterable[str]) -> None:
    for name in names:
        _delete(name)


def _delete(name: str) -> None:
    """Remove a file whose row is gone, and its folder where that is empty then."""
    try:
        with storage_errors():
            default_storage.delete(name)
    except OSError:
        logger.exception("Could not delete %s; `verify --repair` removes it", name)
        return
    with contextlib.suppress(OSError):  # there is more in it
        default_storage.delete(name.rpartition("/")[0])
