"""Finds damaged generations while they serve, and has them built anew.

Each pass looks at the files of every live index and reads so many bytes of them, where the last pass stopped.
What is missing, too short or closed to us is found by the next pass, a bit that flipped once all bytes have
been read: with 64 MB every ten seconds those of 1 GB in under three minutes, of 10 GB in half an hour.
"""

from __future__ import annotations

import fcntl
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from django.db import transaction

from gallery.access import audit
from gallery.errors import IndexDamagedError, IndexOutdatedError
from search.index.faiss import checking
from search.indexing import builds
from search.indexing.backends import backend, faiss_store
from search.models import IndexBuild, SearchIndex

logger = logging.getLogger(__name__)

PLACE_FILE = ".inspected.json"  # below the root of all indexes: where the last pass stopped


def damaged() -> list[tuple[SearchIndex, IndexDamagedError]]:
    """Return the live indexes that cannot be read, and what is wrong with each; reads no vectors.

    One of another release is no less whole: its error is an IndexOutdatedError.
    """
    built = set(
        IndexBuild.objects.filter(state=IndexBuild.State.PUBLISHED).values_list("index_id", flat=True)
    )
    shelf, found = backend(), []
    for index in _live():
        wrong = shelf.damage(index.store_name)
        if wrong is None and index.pk in built and shelf.current_name(index.store_name) is None:
            wrong = IndexDamagedError(f"Index {index.store_name}: its files are gone. Run rebuild_index.")
        if wrong is not None:
            found.append((index, wrong))
    return found


def inspect() -> None:
    """Make a pass, and have what is damaged built anew; nothing happens while another process makes one."""
    if settings.INDEX_BACKEND != "faiss":
        return
    for index, wrong in damaged():
        _have_rebuilt(index, wrong)
    with _place() as place:
        if place is not None:
            _read_some(place, _budget())


def _budget() -> int:
    return int(settings.CHECK_INDEXES_MB * 2**20)


def _live() -> list[SearchIndex]:
    return list(SearchIndex.shown.select_related("dataset", "spec").filter(live=True).order_by("pk"))


def _read_some(place: dict[str, int], budget: int) -> None:
    """Read so many bytes of the live indexes from a place on, each index once at most; moves the place."""
    first = place.get("index", 0)
    indexes = _live()
    # those from the place on, then those before it
    for index in sorted(indexes, key=lambda index: (index.pk < first, index.pk)):
        block = place.get("block", 0) if index.pk == first else 0
        place |= {"index": index.pk, "block": block}
        while budget > 0:
            read = _read(index, block, budget)
            budget -= read.size
            block = place["block"] = read.block
            if read.end:
                place |= {"index": index.pk + 1, "block": 0}
                break
        if budget <= 0:
            return


def _read(index: SearchIndex, block: int, budget: int) -> checking.Read:
    try:
        folder = faiss_store().current_folder(index.store_name)
        if folder is not None:
            return checking.read_blocks(folder, block, budget)
    except (IndexDamagedError, OSError):
        # unless it was replaced and swept meanwhile
        if wrong := faiss_store().damage(index.store_name):
            _have_rebuilt(index, wrong)
    return checking.Read(0, 0, end=True)


def _have_rebuilt(index: SearchIndex, wrong: IndexDamagedError) -> None:
    with transaction.atomic():
        job = builds.rebuild_damaged(index)
        if job is None:
            return
        action = "index.outdated" if isinstance(wrong, IndexOutdatedError) else "index.damaged"
        audit.record(action, index, reason=wrong.detail, job=job.pk)
    logger.error("%s is %s and is built anew by job %s: %s", index, wrong.state, job.pk, wrong.detail)


@contextmanager
def _place() -> Iterator[dict[str, int] | None]:
    """Yield where to read on, and keep where that leads; None while another process reads."""
    path = settings.INDEX_ROOT / PLACE_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError:  # nothing can be kept: each pass begins anew
        yield {}
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        file.seek(0)
        place = _numbers(file.read())
        yield place
        with suppress(OSError):
            file.truncate(0)
            file.write(json.dumps(place))
            file.flush()


def _numbers(text: str) -> dict[str, int]:
    try:
        values: Any = json.loads(text)
        return {name: int(values[name]) for name in ("index", "block")}
    except (ValueError, LookupError, TypeError):
        return {}
