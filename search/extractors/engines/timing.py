"""Measures how long things take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

ROUNDS = 7


def least_ms(
    works: Sequence[Callable[[], object]], clock: Callable[[], float] = time.perf_counter
) -> tuple[float, ...]:
    """Return the least milliseconds of several calls of each work, in their order, by a clock of seconds.

    What else a machine does can only add to a time. The works take turns, so that a busy moment does not
    fall on one of them alone; the first round warms up and is not counted.
    """
    for work in works:
        work()
    counted = [[_ms(work, clock) for work in works] for _ in range(ROUNDS)]
    return tuple(float(least) for least in np.min(counted, axis=0))


def _ms(work: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    work()
    return (clock() - started) * 1000
