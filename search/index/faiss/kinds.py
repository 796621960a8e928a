"""The kinds of index that come into question for many vectors, and how one is learned and filled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from search.index.faiss.index import RABITQ_FROM_DIMS, TRAINING_ROUNDS, FaissIndex, lists_for
from search.index.faiss.stored_vectors import MappedVectors
from search.index.faiss.tuning import RECALL_WANTED, Trial, blocks, sampled_rows
from search.types import Vectors

HNSW_LINKS = 32
# A smaller kind is taken for up to so many times the time of the fastest.
TIMES_FOR_MEMORY = 1.5


@dataclass(frozen=True)
class Budget:
    """What an index of many vectors may cost and must do: memory of a vector, and recall among ten."""

    bytes_per_vector: float = 128.0
    recall: float = RECALL_WANTED


@dataclass(frozen=True)
class Kind:
    """A kind of index: its factory string by number of vectors and dimensions, and the bytes of a vector."""

    factory: Callable[[int, int], str]
    bytes_per_vector: Callable[[int], float]
    least_dims: int = 1
    dims_multiple: int = 1


# Measured beside each other at every build, see docs/explanation/speed.md. Eight bytes are those of the id.
# A random rotation makes all dimensions alike: without it those that vary much are told apart no better than
# the rest.
# Source of one bit a dimension: RaBitQ, Gao and Long 2024 (arXiv:2405.12497), with FAISS' fast scan.
KINDS = (
    # one bit a dimension and two factors; a fast scan goes through 32 of them at once
    Kind(lambda n, d: f"RR{d},IVF{lists_for(n)},RaBitQfs", lambda d: d / 8 + 16, RABITQ_FROM_DIMS, 8),
    Kind(lambda n, d: f"RR{d},IVF{lists_for(n)},RaBitQ", lambda d: d / 8 + 16, RABITQ_FROM_DIMS, 8),
    # half as many bits, of the principal components: more candidates have to be read for the same recall
    Kind(
        lambda n, d: f"PCAR{d // 2},IVF{lists_for(n)},RaBitQ", lambda d: d / 16 + 16, 2 * RABITQ_FROM_DIMS, 16
    ),
    # four bits for every four dimensions
    Kind(lambda n, d: f"IVF{lists_for(n)},PQ{d // 4}x4fsr", lambda d: d / 8 + 8, RABITQ_FROM_DIMS, 8),
    Kind(lambda n, d: f"IVF{lists_for(n)},SQ8", lambda d: d + 8),
    Kind(lambda n, d: f"HNSW{HNSW_LINKS},SQfp16", lambda d: 2 * d + HNSW_LINKS * 2 * 4 * 1.1 + 8),
)


def candidates(count: int, dims: int, budget: Budget) -> list[Kind]:
    """Return the kinds that fit the budget, and where none does the smallest."""
    centroids = lists_for(count) * dims * 4 / count
    fitting = [kind for kind in KINDS if dims >= kind.least_dims and dims % kind.dims_multiple == 0]
    within = [kind for kind in fitting if kind.bytes_per_vector(dims) + centroids <= budget.bytes_per_vector]
    return within or [min(fitting, key=lambda kind: kind.bytes_per_vector(dims))]


def by_merit(trials: Sequence[Trial], able: Sequence[bool]) -> list[int]:
    """Return the places of trials, the best first; `able` says which of them find as much as is wanted.

    The best is the smallest of those that take up to half as long again as the fastest: every process that
    serves keeps its pages, and the time of a search is more than that of the index. All others are ordered by
    their time, and those that do not find enough come last.
    """
    order = sorted(range(len(trials)), key=lambda place: (not able[place], trials[place].query_ms))
    longest = TIMES_FOR_MEMORY * trials[order[0]].query_ms
    near = [place for place in order if able[place] == able[order[0]] and trials[place].query_ms <= longest]
    first = min(near, key=lambda place: trials[place].bytes_per_vector)
    return [first, *(place for place in order if place != first)]


def learned_lists(stored: MappedVectors, count: int, factory: str) -> Vectors | None:
    """Return the centroids (lists, d) of the first `count` vectors for a factory that has lists."""
    import faiss

    if "IVF" not in factory:
        return None
    index = FaissIndex(stored.matrix.shape[1], factory, exact=stored)
    rows = sampled_rows(count, index.training_size)
    means = faiss.Kmeans(
        stored.matrix.shape[1],
        index.lists,
        niter=TRAINING_ROUNDS,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=1_000_000,
        seed=1234,
    )
    means.train(stored.units(stored.ids[rows]))
    return np.ascontiguousarray(means.centroids, dtype=np.float32)


def learned(factory: str, stored: MappedVectors, count: int, lists: Vectors | None = None) -> FaissIndex:
    """Return an empty index for the first `count` vectors, learned on a sample of them."""
    index = FaissIndex(stored.matrix.shape[1], factory, exact=stored)
    if index.training_size:
        rows = sampled_rows(count, index.training_size if lists is None else 65_536)
        index.train(stored.units(stored.ids[rows]), lists)
    return index


def filled(factory: str, stored: MappedVectors, count: int, lists: Vectors | None = None) -> FaissIndex:
    """Return an index of the first `count` vectors, learned on a sample, added in batches."""
    index = learned(factory, stored, count, lists)
    for ids, block in blocks(stored, count):
        index.add(ids, block)
    return index
