"""How long the stages of a search take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Timings:
    """Milliseconds of each stage of a search, and how to measure them."""

    decode: float = 0.0
    extract: float = 0.0
    search: float = 0.0
    rerank: float = 0.0
    load: float = 0.0
    total: float = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, name, getattr(self, name) + (time.perf_counter() - started) * 1000)

    def as_seconds(self) -> dict[str, float]:
        """Return the seconds of each stage."""
        return {stage: spent / 1000 for stage, spent in vars(self).items()}
