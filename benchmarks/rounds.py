"""Measures several things in turn, and says of their figures the median and how far they spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Figure = TypeVar("Figure")


def in_turn(measures: Mapping[str, Callable[[], Figure]], rounds: int) -> dict[str, list[Figure]]:
    """Take every measure once a round, and return the figures of each by name.

    Every second round goes the other way about: what a measure leaves behind (a warm cache, a hot
    processor) then helps or hurts no neighbour more than another, and a slow drift meets all alike.
    """
    figures: dict[str, list[Figure]] = {name: [] for name in measures}
    names = list(measures)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            figures[name].append(measures[name]())
    return figures


def elapsed_ms(work: Callable[[], object]) -> float:
    """Return the milliseconds that a piece of work takes."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def per_second(count: int, work: Callable[[], object]) -> float:
    """Return how many of `count` things a piece of work does in a second."""
    return 1000 * count / elapsed_ms(work)


def p99(values: Sequence[float]) -> float:
    """Return what 99 of 100 values do not pass."""
    return float(np.percentile(values, 99))


def spread(values: Sequence[float], digits: int = 2) -> list[float]:
    """Return the least and the greatest value, rounded."""
    return [round(min(values), digits), round(max(values), digits)]


def compared(
    ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]], *, less_is_better: bool
) -> dict[str, object]:
    """Return our figures over the peer's as `ratio`, of the medians, and `ratio_spread`, over the rounds.

    Each round has one or more figures, and those of ours and theirs belong together. Greater is better for
    us: times are turned around.
    """

    def ratio(own: Sequence[float], other: Sequence[float]) -> float:
        quotient = statistics.median(own) / statistics.median(other)
        return 1 / quotient if less_is_better else quotient

    by_round = [ratio(own, other) for own, other in zip(ours, theirs, strict=True)]
    return {"ratio": round(ratio(flat(ours), flat(theirs)), 2), "ratio_spread": spread(by_round)}


def flat(figures: Sequence[Sequence[float]]) -> list[float]:
    """Return the figures of all rounds in one list."""
    return [value for of_round in figures for value in of_round]
