"""Tells errors that pass, of a database, a storage, a network or of others' work, from those of the work."""

from __future__ import annotations

from django.core.exceptions import ObjectDoesNotExist
from django.db import InterfaceError, OperationalError

from gallery.errors import StorageAwayError
from gallery.system.concurrency.conflicts import is_conflict
from gallery.system.storage import is_storage_unavailable


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later without anybody's doing."""
    passing = isinstance(error, (OperationalError, InterfaceError, OSError, StorageAwayError))
    # what it was about to write pointed at something that went in that moment: it is not looked for again
    overtaken = isinstance(error, ObjectDoesNotExist) or (isinstance(error, Exception) and is_conflict(error))
    return passing or overtaken or is_storage_unavailable(error)
