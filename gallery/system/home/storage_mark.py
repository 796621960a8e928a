"""Knows the storage of images by an id: a file in it and a row of the database say the same.

Where a disk is not mounted, or another one is, nothing is stored and nothing is taken for lost. The id is
written at first use: a database that knows of none takes over that of its storage, or gives it one.
"""

from __future__ import annotations

import re
import time
import uuid

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from gallery.errors import StorageAwayError
from gallery.models import Image, StorageMark
from gallery.system.home.shipped_files import program
from gallery.system.storage import storage_errors

FILE = "semsearch-storage.txt"
WORDS = "The images in this folder belong to the installation of semsearch with this id:\n{}\n"
BELIEVED_S = 2.0  # so long after it was right the storage is not asked again
LOOKED_AT = 5  # images whose files tell whether a storage without an id may be the right one

LONGEST = 1000  # bytes that are read of the file

_right_at: dict[str, float] = {}


def require() -> None:
    """Return when the storage is the right one, marked at first use, or nothing tells that it is not.

    Raises: StorageAwayError with what to do; StorageUnavailableError; OSError where it cannot be read.
    """
    where = _where()
    if time.monotonic() - _right_at.get(where, -BELIEVED_S) < BELIEVED_S:
        return
    found, kept = _read(), StorageMark.objects.first()
    if kept is None:
        if found is None and not _may_be_right():
            return  # of an older release, and away or lost: the comparison with all rows will tell
        kept, _ = StorageMark.objects.get_or_create(pk=1, defaults={"identity": found or uuid.uuid4()})
        if found is None:
            found = _write(kept)
    elif found is None and not Image.everything.exists():
        found = _write(kept)
    if found != kept.identity:
        raise StorageAwayError(_why(found))
    _right_at[where] = time.monotonic()


def amiss() -> str:
    """Return why the storage is not the right one, as far as its id tells, else ""; writes nothing.

    Raises: StorageUnavailableError, OSError.
    """
    kept = StorageMark.objects.first()
    if kept is None:
        return ""
    found = _read()
    right = found == kept.identity or (found is None and not Image.everything.exists())
    return "" if right else _why(found)


def write() -> None:
    """Mark the storage as the right one, whatever it says: for who has looked."""
    _write(StorageMark.objects.get_or_create(pk=1, defaults={"identity": uuid.uuid4()})[0])


def forget() -> None:
    """Ask the storage again at the next question."""
    _right_at.clear()


def _may_be_right() -> bool:
    """Whether a storage without an id has any of the files of the newest images, or there are no images."""
    names = list(Image.everything.order_by("-pk").values_list("file", flat=True)[:LOOKED_AT])
    with storage_errors():
        return not names or any(default_storage.exists(name) for name in names)


def _why(found: uuid.UUID | None) -> str:
    wrong = "belongs to another installation" if found else f"has no {FILE}"
    return (
        f"The storage of the images seems to be away: what is there {wrong}. Mount the right one. If this is "
        f"the right one, say so with `{program()} verify --trust-storage`."
    )


def _read() -> uuid.UUID | None:
    try:
        with storage_errors(), default_storage.open(FILE) as file:
            content = file.read(LONGEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    named = re.search(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", content)
    return uuid.UUID(named[0].decode()) if named else None


def _write(kept: StorageMark) -> uuid.UUID:
    with storage_errors():
        default_storage.delete(FILE)
        written = default_storage.save(FILE, ContentFile(WORDS.format(kept.identity).encode()))
        if written != FILE:  # another process wrote the same in this moment
            default_storage.delete(written)
    _right_at.pop(_where(), None)
    return kept.identity


def _where() -> str:
    """Return which storage it is, as far as that can be told."""
    return str(getattr(default_storage, "location", "")) + str(getattr(default_storage, "bucket_name", ""))
