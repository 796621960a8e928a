"""Images whose file is not to be found: marked and hidden, never removed, and shown again when it is back."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from django.core.files.storage import default_storage
from django.utils import timezone

from gallery.ingest.removals import hiding, removal
from gallery.models import Image
from gallery.system.concurrency.conflicts import repeated
from gallery.system.storage import storage_errors

LOOKED_FOR = 1000  # missing files, each time that somebody looks


def mark(image_ids: Iterable[int]) -> int:
    """Hide images whose file is missing; returns how many were not hidden for that before."""
    return sum(repeated(partial(_mark, ids)) for ids in hiding.chunks(image_ids))


def show_found() -> int:
    """Show the images again whose file is back; returns how many. Looks for those that went last.

    Raises: StorageUnavailableError.
    """
    marked = Image.everything.filter(missing_since__isnull=False).order_by("-missing_since", "-pk")
    with storage_errors():
        back = [
            pk for pk, file in marked.values_list("pk", "file")[:LOOKED_FOR] if default_storage.exists(file)
        ]
    return unmark(back)


def unmark(image_ids: Iterable[int]) -> int:
    """Show images again whose file is back; returns how many were hidden for that."""
    return sum(repeated(partial(_unmark, ids)) for ids in hiding.chunks(image_ids))


def _mark(ids: list[int]) -> int:
    hidden = hiding.hide(ids, "missing_since", timezone.now())
    removal.record("verification.hide", hidden)
    return len(hidden)


def _unmark(ids: list[int]) -> int:
    shown = hiding.show(ids, "missing_since")
    removal.record("verification.show", shown)
    return len(shown)
