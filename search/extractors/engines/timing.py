"""Measures how long things take."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

ROUNDS = 7
STAT = Path("/proc/stat")


def least_ms(
    works: Sequence[Callable[[], object]],
    clock: Callable[[], float] = time.perf_counter,
    *,
    rounds: int = ROUNDS,
    limit_s: float = math.inf,
) -> tuple[float, ...]:
    """Return the least milliseconds of several calls of each work, in their order, by a clock of seconds.

    What else a machine does can only add to a time. The works take turns, so that a busy moment does not
    fall on one of them alone; the first round warms up and is not counted. After `limit_s` no other round
    is begun but the first that counts.
    """
    started = time.perf_counter()
    for work in works:
        work()
    counted = [[_ms(work, clock) for work in works]]
    while len(counted) < rounds and time.perf_counter() - started < limit_s:
        counted.append([_ms(work, clock) for work in works])
    return tuple(float(least) for least in np.min(counted, axis=0))


class OthersAtWork:
    """Tells how much of the machine other processes took since it was made."""

    def __init__(self) -> None:
        self._since, self._own_s, self._all_s = time.perf_counter(), time.process_time(), _machine_s()

    def share(self) -> float:
        """Return their share of all cores, 0 to 1; 0 where the system does not tell."""
        cores_s = (time.perf_counter() - self._since) * (os.cpu_count() or 1)
        others_s = _machine_s() - self._all_s - (time.process_time() - self._own_s)
        return min(1.0, max(0.0, others_s / cores_s))


def _machine_s() -> float:
    """Return the seconds that all cores have worked since the machine started, and were kept from it.

    The first line of /proc/stat (man 5 proc): user, nice, system, idle, iowait, irq, softirq, steal ticks.
    """
    try:
        ticks = [int(part) for part in STAT.read_text(encoding="ascii").split(maxsplit=9)[1:9]]
    except (OSError, ValueError):
        return 0.0
    return (sum(ticks) - ticks[3] - ticks[4]) / float(os.sysconf("SC_CLK_TCK"))


def _ms(work: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    work()
    return (clock() - started) * 1000
