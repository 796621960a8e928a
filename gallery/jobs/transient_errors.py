"""Tells errors of a database, storage or network that will be back from errors of the work itself."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError

from gallery.errors import StorageAwayError
from gallery.system.storage import is_storage_unavailable


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later without anybody's doing."""
    passing = isinstance(error, (OperationalError, InterfaceError, OSError, StorageAwayError))
    return passing or is_storage_unavailable(error)
