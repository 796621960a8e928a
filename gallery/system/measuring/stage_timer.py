"""Adds up how long each stage of a pipeline works."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from gallery.system.measuring import measures


class StageTimer:
    """Seconds of work by stage, over all threads: two threads that work for a second count as two."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Count the time within as work of a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            with self._lock:
                self._seconds[stage] += spent
            measures.here().job_stage(stage, spent)

    def as_result(self) -> dict[str, float]:
        """Return the seconds of each stage, named `<stage>_s`, in the order they began."""
        with self._lock:
            return {f"{stage}_s": round(seconds, 2) for stage, seconds in self._seconds.items()}
