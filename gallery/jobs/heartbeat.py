"""Records life beside the work, and lets all work of a process end when the process is told to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from django.db import DatabaseError, InterfaceError, connection

from gallery.jobs.errors import JobInterruptedError, JobStoppedError
from gallery.system import log_context, outages

logger = logging.getLogger(__name__)

HEARTBEAT_S = 5.0
PROGRESS_EVERY_S = 0.5

# set when this process has been told to end
_ending = threading.Event()


def interrupt() -> None:
    """Let every job of this process go back to the queue at its next step."""
    _ending.set()


def ending() -> bool:
    """Whether this process has been told to end."""
    return _ending.is_set()


def stop_when_ending() -> None:
    """Raises: JobInterruptedError when this process has been told to end."""
    if ending():
        raise JobInterruptedError("Interrupted; goes on when the worker is back.")


class Beating(Protocol):
    """Something whose life is recorded while a thread works on it."""

    def touch(self) -> None:
        """Record that it lives. Raises: JobStoppedError when it is no longer ours."""
        ...


@contextmanager
def beating(run: Beating) -> Iterator[None]:
    """Record life beside the work."""
    stop = threading.Event()
    heart = log_context.thread(_beat, run, stop, name="heartbeat")
    heart.start()
    try:
        yield
    finally:
        stop.set()
        heart.join()


def _beat(run: Beating, stop: threading.Event) -> None:
    try:
        while not stop.wait(HEARTBEAT_S):
            try:
                run.touch()
            except JobStoppedError:
                pass
            except (DatabaseError, InterfaceError) as error:
                # one missed beat does no harm; a heart that stops would have the work done twice at once
                if outages.passing(error) is None:
                    logger.warning("A heartbeat could not be written: %s", error)
                # nobody else would give this thread a new one
                connection.close()
    finally:
        connection.close()
