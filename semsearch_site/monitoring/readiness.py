"""Finds out which parts of the site are ready, in threads of its own: whoever asks waits a second at most.

What was found counts for some seconds, so that asking often is no way to make the server work; a part is
looked at by one thread at a time, however long that takes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db import connections

from gallery.errors import SemsearchError

logger = logging.getLogger(__name__)

COUNTS_FOR_S = 3.0
ANSWERED_WITHIN_S = 0.8
# where a look takes longer, what the last one found is told, but nothing as old as this
TOLD_FOR_S = 15.0
SHOWN_FOR_S = 60.0  # on pages

# set in a web server, and while it has just started and loads networks and indexes
SERVING = threading.Event()
LOADING = threading.Event()

# returns a sentence on what is well; raises what is not
Look = Callable[[], str]


class NotReadyError(SemsearchError):
    """A part of the site is not ready."""

    code = "not_ready"
    status = 503


class StillLoadingError(NotReadyError):
    """A part of the site is not ready yet, as after every start: nothing to log."""


@dataclass(frozen=True)
class Part:
    """A part of the site: how it is looked at, and what to say where that fails without words of ours."""

    look: Look
    failing: str


@dataclass(frozen=True)
class Finding:
    """Whether a part is ready, a sentence on it, and the error that only those who run the site may read."""

    ready: bool
    sentence: str
    error: str = ""
    is_usual: bool = False


class Readiness:
    """What is known of the parts of the site in this process."""

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._watched = {name: _Watched(name, part) for name, part in parts.items()}

    def findings(self) -> dict[str, Finding]:
        """Look at what was not looked at for some seconds, and return what is known of each part.

        Where no web server runs, as in a test, all is looked at here and now.
        """
        if not SERVING.is_set():
            return {name: watched.looked() for name, watched in self._watched.items()}
        for watched in self._watched.values():
            watched.begin()
        deadline = time.monotonic() + ANSWERED_WITHIN_S
        return {name: watched.told(deadline) for name, watched in self._watched.items()}

    def known(self) -> dict[str, Finding]:
        """Return what a web server has found in the last minute, and have more found; waits for nothing."""
        if SERVING.is_set():
            for watched in self._watched.values():
                watched.begin()
        return {name: found for name, watched in self._watched.items() if (found := watched.lately())}


class _Watched:
    """A part, and what was found."""

    def __init__(self, name: str, part: Part) -> None:
        self._name, self._part = name, part
        self._changing = threading.Lock()
        self._ended = threading.Event()  # of the look that was begun last
        self._ended.set()
        self._at = 0.0
        self.found: Finding | None = None

    def begin(self) -> None:
        """Have a thread look, unless one does, or what was found still counts."""
        with self._changing:
            known = self._counts() and time.monotonic() - self._at < COUNTS_FOR_S
            if known or not self._ended.is_set():
                return
            self._ended.clear()
        threading.Thread(target=self._look_beside, daemon=True, name=f"ready: {self._name}").start()

    def _counts(self) -> bool:
        """Whether what was found counts for some seconds, as all but that a part still loads."""
        return self.found is not None and not self.found.is_usual

    def told(self, deadline: float) -> Finding:
        """Return what was found, waiting for the look under way until a time of the monotonic clock."""
        in_time = self._ended.wait(max(0.0, deadline - time.monotonic()))
        found = self.found
        if found is not None and (in_time or time.monotonic() - self._at < TOLD_FOR_S):
            return found
        return Finding(False, self._part.failing, "No answer in time.")

    def lately(self) -> Finding | None:
        """Return what was found in the last minute."""
        return self.found if time.monotonic() - self._at < SHOWN_FOR_S else None

    def looked(self) -> Finding:
        """Look, in this thread."""
        try:
            return Finding(True, self._part.look())
        except SemsearchError as error:
            return Finding(False, error.detail, _words(error), isinstance(error, StillLoadingError))
        except Exception as error:  # whatever is wrong is the answer
            return Finding(False, self._part.failing, _words(error))

    def _look_beside(self) -> None:
        try:
            found, before = self.looked(), self.found
            self._at, self.found = time.monotonic(), found
            if found.is_usual:
                return
            if not found.ready and (before is None or before.error != found.error):
                logger.warning("Not ready: %s: %s", self._name, found.error)
            elif found.ready and before is not None and not before.ready and not before.is_usual:
                logger.warning("Ready again: %s: %s", self._name, found.sentence)
        finally:
            self._ended.set()
            connections.close_all()


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
