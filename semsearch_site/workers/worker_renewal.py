"""A worker that has had nothing to do for a while gives back what its jobs took: it starts anew in its place.

What a process has imported and what its libraries keep can be given back in no other way: networks, numba's
compiler and scikit-learn hold hundreds of megabytes. No job is cut short. The process keeps its number, so
whoever supervises it notices nothing.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from celery import signals
from celery.worker import state
from django.conf import settings

from gallery.jobs import broker, heartbeat
from semsearch_site import memory

logger = logging.getLogger(__name__)

LOOKS_EVERY_S = 2.0
# less than this more than at the start is not worth the seconds that a start takes
WORTH_BYTES = 96 * 2**20
JOBS = (broker.RUN_JOB, broker.HELP_JOB)


class Idleness:
    """How many jobs this process works at, and since when at none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_work = 0
        self._idle_since = time.monotonic()

    def begun(self) -> None:
        """Count one that begins."""
        with self._lock:
            self._at_work += 1

    def ended(self) -> None:
        """Count one that has ended."""
        with self._lock:
            self._at_work -= 1
            self._idle_since = time.monotonic()

    def lasts_s(self) -> float:
        """Return for how long there has been nothing to do; 0 while there is."""
        with self._lock:
            return 0.0 if self._at_work else time.monotonic() - self._idle_since


_idleness = Idleness()
_renewing = threading.Event()


@signals.task_prerun.connect
def note_begin(sender: Any = None, **_: Any) -> None:
    """Count jobs that this process begins."""
    if sender is not None and sender.name in JOBS:
        _idleness.begun()


@signals.task_postrun.connect
def note_end(sender: Any = None, **_: Any) -> None:
    """Count jobs that have ended here, however they did."""
    if sender is not None and sender.name in JOBS:
        _idleness.ended()


@signals.worker_ready.connect
def watch(**_: Any) -> None:
    """Watch beside the work, where that is asked for."""
    if settings.WORKER_IDLE_S > 0 and own_bytes():
        threading.Thread(target=_watch, args=(own_bytes(),), daemon=True, name="idleness").start()


def _watch(at_start: int) -> None:
    while not heartbeat.ending():
        time.sleep(LOOKS_EVERY_S)
        if 0 < _idleness.lasts_s() <= 2 * LOOKS_EVERY_S:
            memory.trim_heap()  # what can be given back at once
        if _idleness.lasts_s() >= settings.WORKER_IDLE_S and own_bytes() - at_start >= WORTH_BYTES:
            logger.info("Nothing to do: the worker starts anew, to give its memory back.")
            _renewing.set()
            # a warm shutdown: a job that begins in this moment is done first
            state.should_stop = os.EX_OK  # type: ignore[assignment]
            return


@signals.worker_shutdown.connect
def start_anew(**_: Any) -> None:
    """Become a new worker, when everything has been stopped for that."""
    if not _renewing.is_set():
        return
    # from here on a signal to end does what it says, and none is forgotten
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if heartbeat.ending():
        return
    atexit._run_exitfuncs()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def own_bytes() -> int:
    """Return how much memory is this process's own, 0 where the system does not tell as Linux does."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), 0)
