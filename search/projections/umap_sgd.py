"""UMAP's gradient descent, as umap-learn does it, in about an eighth of its time.

The same loss, sampling of edges and learning rate as umap-learn's `optimize_layout_euclidean`. Three things
differ: the two powers of every squared distance are read from tables; the pushes of an edge's negative
samples are added up before the point moves, so that the processor need not wait for one to begin the next;
one generator of random numbers serves all points. One thread, so that the same seed gives the same map.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.projections.plan import Points

NEGATIVE_SAMPLES = 5
LONGEST_STEP = 4.0
SOFTENING = 0.001  # umap-learn's, keeps the repulsion of points that touch finite
# A table's bin is the sign, exponent and first seven bits of the fraction of a float32: 0.4 % wide.
DROPPED_BITS = 16
FIRST_BIN = int(np.float32(2.0**-20).view(np.int32)) >> DROPPED_BITS
BINS = 32 * 128  # squared distances from 2^-20 to 2^12


@dataclass(frozen=True)
class Graph:
    """Directed edges of a symmetric fuzzy graph: `heads`, `tails` (e,) int32, `weights` (e,) float32."""

    heads: NDArray[np.int32]
    tails: NDArray[np.int32]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class Curve:
    """UMAP's likeness of two points at the distance r of the map, 1 / (1 + a r^(2b))."""

    a: float
    b: float


def descended(
    start: Points, graph: Graph, curve: Curve, *, epochs: int, seed: int, anchor_strength: float = 0.0
) -> Points:
    """Return the points (n, 2) that the descent reaches from `start`, which is left as it is.

    `anchor_strength` draws every point that share of its way back to the start before each epoch.
    """
    points = np.array(start, dtype=np.float32, order="C")
    used = graph.weights >= graph.weights.max(initial=0) / epochs
    weights = graph.weights[used]
    if not weights.size:
        return points
    attraction, repulsion = _tables(curve)
    _compiled()(
        points,
        np.asarray(start, dtype=np.float32, order="C"),
        np.float32(anchor_strength),
        graph.heads[used],
        graph.tails[used],
        (weights.max() / weights).astype(np.float32),
        attraction,
        repulsion,
        epochs,
        seed * 2_654_435_761 % 2**32 or 1,  # spreads small seeds; the generator must not start at zero
    )
    return points


def _tables(curve: Curve) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the pull along an edge and the push between two points, per difference, by squared distance."""
    bits = ((np.arange(BINS) + FIRST_BIN) << DROPPED_BITS) + (1 << (DROPPED_BITS - 1))
    squares = bits.astype(np.int32).view(np.float32).astype(np.float64)
    grown = 1 + curve.a * squares**curve.b
    attraction = -2 * curve.a * curve.b * squares ** (curve.b - 1) / grown
    repulsion = 2 * curve.b / ((SOFTENING + squares) * grown)
    return attraction.astype(np.float32), repulsion.astype(np.float32)


@cache
def _compiled() -> Callable[..., None]:
    import numba

    compiled: Callable[..., None] = numba.njit(fastmath=True)(_descend)
    keep_compiled(compiled)
    return compiled


def keep_compiled(*functions: Any) -> None:
    """Have numba keep what it compiles of some functions in files, which other processes load in a moment."""
    for function in functions:
        # there may be no folder that can be written: then each process compiles them
        with suppress(RuntimeError):
            function.enable_caching()


def _descend(
    points: Any,
    start: Any,
    anchor_strength: Any,
    heads: Any,
    tails: Any,
    epochs_per_sample: Any,
    attraction: Any,
    repulsion: Any,
    epochs: int,
    state: int,
) -> None:
    """Move the points (n, 2) in place; compiled by numba, so it is one function of plain loops."""
    count = len(points)
    due = epochs_per_sample.copy()
    longest = np.float32(LONGEST_STEP)
    for epoch in range(epochs):
        rate = np.float32(1.0 - epoch / epochs)
        if anchor_strength > 0:
            for point in range(count):
                points[point, 0] += anchor_strength * (start[point, 0] - points[point, 0])
                points[point, 1] += anchor_strength * (start[point, 1] - points[point, 1])
        for edge in range(len(heads)):
            if due[edge] > epoch:
                continue
            due[edge] += epochs_per_sample[edge]
            head, tail = heads[edge], tails[edge]
            x, y = points[head, 0], points[head, 1]
            dx, dy = x - points[tail, 0], y - points[tail, 1]
            square = dx * dx + dy * dy
            place = (np.float32(square).view(np.int32) >> DROPPED_BITS) - FIRST_BIN
            pull = attraction[min(max(place, 0), BINS - 1)]
            step_x = rate * min(max(pull * dx, -longest), longest)
            step_y = rate * min(max(pull * dy, -longest), longest)
            points[tail, 0] -= step_x
            points[tail, 1] -= step_y
            x += step_x
            y += step_y
            push_x = push_y = np.float32(0)
            for _ in range(NEGATIVE_SAMPLES):
                # Marsaglia 2003, "Xorshift RNGs", 32 bits.
                state = (state ^ (state << 13)) & 0xFFFFFFFF
                state ^= state >> 17
                state = (state ^ (state << 5)) & 0xFFFFFFFF
                other = (state * count) >> 32
                dx, dy = x - points[other, 0], y - points[other, 1]
                square = dx * dx + dy * dy
                place = (np.float32(square).view(np.int32) >> DROPPED_BITS) - FIRST_BIN
                push = repulsion[min(max(place, 0), BINS - 1)]
                push_x += min(max(push * dx, -longest), longest)
                push_y += min(max(push * dy, -longest), longest)
            points[head, 0] = x + rate * push_x
            points[head, 1] = y + rate * push_y
