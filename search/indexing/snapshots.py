"""Keeps what this process searches of each index as fresh as the database, without making searches wait.

An example: generation g3 holds the embeddings up to id 500. A process that starts at revision 8 loads g3,
reads the vectors 501 to 520 from the database, and searches both. Embedding 521 is written, which makes it
revision 9: the next search sees another revision than its snapshot's, reads what is above 520, and keeps the
rest. A build publishes g4 up to id 521, revision 10: g4 is opened, and of the database's last ids only what
g4 does not hold is searched beside it.

With more than 50,000 vectors held the search at revision 9 is answered from the snapshot of revision 8, while
another thread makes the next, unless that of revision 8 was last seen to be true more than 1.5 s ago.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import numpy as np
from django.db import connections

from gallery.errors import IndexDamagedError
from gallery.system import outages
from search.index.base import PublishedGeneration
from search.index.calibration import Calibration
from search.index.live import LiveIndex
from search.indexing import database_vectors
from search.indexing.backends import backend
from search.models import ScoreCalibration, SearchIndex

logger = logging.getLogger(__name__)

# Embeddings of an index come into being in the order of their ids. Only transactions of versions that did not
# hold the index's row while they wrote could end later than those after them.
LOOK_BACK_IDS = 10_000
# Indexes that hold more than this are brought up to date beside the searches, not inside one ...
AT_ONCE_UP_TO = 50_000
# ... unless nobody has looked for changes for so long ...
STALE_AT_MOST_S = 1.5
# ... and no sooner than so long after the last time: each of them makes the searches of that moment wait for
# Python's lock.
REFRESHED_EVERY_S = 1.0
REFRESHER_WAITS_S = 2.0  # for something to do, then it ends


@dataclass(frozen=True)
class Snapshot:
    """What this process searches for one index, true up to `revision`; `last_id` is the newest id it saw.

    `calibration` says what its scores mean. `read_at` is when it was read, by the monotonic clock.
    """

    revision: int
    live: LiveIndex
    last_id: int
    read_at: float
    calibration: Calibration | None


_snapshots: dict[int, Snapshot] = {}
_true_at: dict[int, float] = {}  # when a snapshot was last known to be true
_said: dict[int, str] = {}  # what was written to the log of an index that is damaged
_refreshing = threading.Lock()
_asked: SimpleQueue[SearchIndex] = SimpleQueue()
_asking = threading.Lock()
_refresher: threading.Thread | None = None


def searchable(index: SearchIndex) -> LiveIndex:
    """Return what to search of an index; `index.revision` must be fresh from the database.

    It is the newest, but for a large index that is asked all the time: that one may be a good second old,
    while another thread takes in what has changed.
    """
    found = _snapshots.get(index.pk)
    if found is not None and found.live.generation is not None and not found.live.generation.is_there():
        found = None
        forget_one(index.pk)
    if found is not None and found.revision == index.revision:
        _true_at[index.pk] = time.monotonic()
        return found.live
    if found is None or found.live.count <= AT_ONCE_UP_TO or _is_stale(index.pk):
        with _refreshing:
            return _refreshed(index).live
    due = time.monotonic() - found.read_at >= REFRESHED_EVERY_S
    if due and _refreshing.acquire(blocking=False):
        _refresh_beside(index)
    return found.live


def calibration(index: SearchIndex) -> Calibration | None:
    """Return what the scores mean of what is searched of an index; None where that was never fitted."""
    found = _snapshots.get(index.pk)
    return found.calibration if found is not None else None


def forget() -> None:
    """Drop every snapshot of this process, as a process that starts."""
    with _refreshing:
        _snapshots.clear()


def forget_one(index_id: int) -> None:
    """Drop the snapshot of an index that is gone."""
    _snapshots.pop(index_id, None)


def _is_stale(index_id: int) -> bool:
    return time.monotonic() - _true_at.get(index_id, -STALE_AT_MOST_S) > STALE_AT_MOST_S


def _refresh_beside(index: SearchIndex) -> None:
    """Have a thread bring the snapshot of an index up to date, and let go of the lock that the caller holds.

    Under steady change one thread does it again and again: a search that started one waited milliseconds for
    it to run, and each had to connect to the database.
    """
    global _refresher
    with _asking:
        _asked.put(index)
        if _refresher is None:
            _refresher = threading.Thread(target=_refresh_asked, name="refresh", daemon=True)
            _refresher.start()


def _refresh_asked() -> None:
    global _refresher
    while True:
        try:
            index = _asked.get(timeout=REFRESHER_WAITS_S)
        except Empty:
            with _asking:
                if _asked.empty():
                    _refresher = None
                    connections.close_all()
                    return
            continue
        try:
            _refreshed(index)
        except Exception as error:  # a search that finds the snapshot stale tries again and says what it is
            if outages.passing(error) is None:
                logger.exception("The index %s could not be brought up to date.", index)
            connections.close_all()
        finally:
            _refreshing.release()


def _refreshed(index: SearchIndex) -> Snapshot:
    """Return the snapshot of `index.revision`, made if need be; the caller holds the lock."""
    found = _snapshots.get(index.pk)
    if found is None or found.revision != index.revision:
        found = _snapshots[index.pk] = _load(index, found)
        _true_at[index.pk] = found.read_at
    return found


def _load(index: SearchIndex, previous: Snapshot | None) -> Snapshot:
    # what is written after this moment carries a later revision, and is looked for again
    began = time.monotonic()
    generation = _generation(index, previous.live.generation if previous else None)
    if previous is not None and generation is previous.live.generation:
        return _followed(index, previous, began)
    removed = set(index.removed.values_list("embedding_id", flat=True))
    if generation is not None and not _is_last_built(index, generation):
        removed |= _orphans(index, generation)
    floor = generation.last_id - LOOK_BACK_IDS if generation is not None else 0
    ids, vectors = database_vectors.read_range(index, max(0, floor))
    last_id = int(ids[-1]) if len(ids) else generation.last_id if generation is not None else 0
    if generation is not None:
        newer = ~generation.known(ids)
        ids, vectors = ids[newer], vectors[newer]
    live = LiveIndex(generation, ids, vectors, removed)
    return Snapshot(index.revision, live, last_id, began, _calibration(index))


def _followed(index: SearchIndex, previous: Snapshot, began: float) -> Snapshot:
    """Return the next snapshot of the same generation: read is only what came since."""
    ids, vectors = database_vectors.read_range(index, previous.last_id)
    # while a generation serves, rows are only added to what it must mask
    removed = previous.live.removed_ids
    if index.removed.count() != len(removed):
        removed = frozenset(index.removed.values_list("embedding_id", flat=True))
    live = previous.live.with_changes(ids, vectors, removed - previous.live.removed_ids)
    last_id = int(ids[-1]) if len(ids) else previous.last_id
    return Snapshot(index.revision, live, last_id, began, _calibration(index))


def _calibration(index: SearchIndex) -> Calibration | None:
    values = ScoreCalibration.objects.filter(index=index.pk).values_list("values", flat=True).first()
    return Calibration.of_values(values) if values else None


def _is_last_built(index: SearchIndex, generation: PublishedGeneration) -> bool:
    build = index.published
    # what follows a dot counts changes that were taken in: the last may not have been written down yet
    return build is None or build.generation.split(".")[0] == generation.name.split(".")[0]


def _orphans(index: SearchIndex, generation: PublishedGeneration) -> set[int]:
    """Return what a generation holds and the database does not.

    What was removed is remembered until the next generation is published. Where that one is damaged, or
    another engine's while the settings have gone back to this one, all has to be looked through.
    """
    logger.warning("%s is searched in an older generation: run rebuild_index to have it start faster.", index)
    return set(
        np.setdiff1d(generation.ids, database_vectors.ids_after(index, 0), assume_unique=True).tolist()
    )


def _generation(index: SearchIndex, held: PublishedGeneration | None) -> PublishedGeneration | None:
    shelf, name = backend(), index.store_name
    try:
        if held is not None and shelf.current_name(name) == held.name:
            if (wrong := shelf.damage(name)) is None:
                return held
            raise wrong
        # `verify` reads all of it; a process that starts cannot wait for that
        opened = shelf.open_current(name, checksums=False)
    except IndexDamagedError as error:
        # what is newer, and all where there is no older one, is answered exactly from the database
        older = shelf.open_older(name, held)
        instead = "an older one" if older is not None else "the database"
        _say_once(index, f"{error.detail} Until then searches read {instead}.")
        return older
    _said.pop(index.pk, None)
    return opened


def _say_once(index: SearchIndex, words: str) -> None:
    if _said.get(index.pk) != words:
        _said[index.pk] = words
        logger.error("%s", words)
