"""Images that were sent to search with, kept for some hours under a name that nobody guesses.

The name is the id, and says when it ends and how large it is: no row stands for it. The search that a page
shows can so be in its address, be asked again and be shown to others, until then or until newer ones need the
room.
"""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypedDict

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.crypto import get_random_string

from gallery.errors import NotFoundError
from gallery.imaging import decoding
from gallery.imaging.limits import image_limits
from gallery.system.home import disk_space
from gallery.system.storage import storage_errors
from search.models import SavedExample
from search.stored_folders import QUERY_UPLOADS

_ID = re.compile(r"([0-9a-f]{8,12})-([0-9a-f]{1,12})-[A-Za-z0-9]{22}")
_SECRET_LENGTH = 22  # 131 bits
LEAST_BYTES = 16 * 2**10  # that an upload counts: a folder of very many small files is slow to look through
KEPT = "kept-"  # how those begin that a saved search keeps


@dataclass(frozen=True)
class Upload:
    """An image that is kept, and until when."""

    id: str
    expires_at: datetime


class UploadAnswer(TypedDict):
    """An image that was sent to search with."""

    upload: Annotated[str, "What names it in a query document."]
    expires_at: Annotated[datetime, "Until when it is kept."]


def upload_answer(upload: Upload) -> UploadAnswer:
    """Return an upload as plain values."""
    return {"upload": upload.id, "expires_at": upload.expires_at}


def keep(data: bytes) -> Upload:
    """Keep an image for `QUERY_UPLOADS_HOURS`; the oldest go where all take more than `QUERY_UPLOADS_MB`.

    Raises: NotAnImageError, TooLargeError, BusyError for the image; DiskFullError; StorageUnavailableError.
    """
    decoding.check(data, image_limits())
    disk_space.check()
    ends = int(time.time() + settings.QUERY_UPLOADS_HOURS * 3600)
    name = f"{ends:08x}-{len(data):x}-{get_random_string(_SECRET_LENGTH)}"
    with storage_errors():
        _make_room(len(data))
        default_storage.save(f"{QUERY_UPLOADS}/{name}", ContentFile(data))
    return Upload(name, datetime.fromtimestamp(ends, UTC))


def read(upload: str) -> bytes:
    """Return a kept image. Raises: NotFoundError where it is kept no longer; StorageUnavailableError."""
    if upload.startswith(KEPT):
        return _of_saved_search(upload)
    if _ends(upload) > time.time():
        with contextlib.suppress(FileNotFoundError), storage_errors():
            with default_storage.open(f"{QUERY_UPLOADS}/{upload}") as file:
                data: bytes = file.read()
            return data
    raise NotFoundError("The uploaded image is kept no longer. Choose it again.")


def _of_saved_search(key: str) -> bytes:
    data = SavedExample.objects.filter(key=key).values_list("data", flat=True).first()
    if data is None:
        raise NotFoundError("The saved search that kept this image was deleted. Choose the image again.")
    return bytes(data)


def remove_expired() -> int:
    """Remove what was kept long enough, and return how much that was. Raises: StorageUnavailableError."""
    with storage_errors():
        over = [name for name in _names() if _ends(name) <= time.time()]
        for name in over:
            default_storage.delete(f"{QUERY_UPLOADS}/{name}")
    return len(over)


def _make_room(size_bytes: int) -> None:
    """Remove what ends first until a new one fits: strangers may send as well, and must not fill the disk."""
    names = _names()
    too_much = max(size_bytes, LEAST_BYTES) + sum(map(_size_bytes, names)) - settings.QUERY_UPLOADS_MB * 2**20
    for name in names:
        if too_much <= 0:
            return
        default_storage.delete(f"{QUERY_UPLOADS}/{name}")
        too_much -= _size_bytes(name)


def _names() -> list[str]:
    """Return the names of what is kept, that which ends first before the others."""
    try:
        return sorted(default_storage.listdir(QUERY_UPLOADS)[1], key=_ends)
    except FileNotFoundError:  # nobody has sent anything yet
        return []


def _ends(name: str) -> int:
    """Return the second at which an upload ends; 0 for what is no name of one."""
    found = _ID.fullmatch(name)
    return int(found[1], 16) if found else 0


def _size_bytes(name: str) -> int:
    """Return what an upload counts; 0 for what is no name of one."""
    found = _ID.fullmatch(name)
    return max(int(found[2], 16), LEAST_BYTES) if found else 0
