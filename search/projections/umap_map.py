"""UMAP maps: umap-learn's graph of FAISS neighbours, laid out from a given start.

McInnes, Healy and Melville 2018, "UMAP: Uniform Manifold Approximation and Projection for Dimension
Reduction".
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from search.projections.neighbours import neighbour_lists
from search.projections.plan import Points, ProjectionPlan
from search.projections.umap_sgd import Curve, Graph, descended, keep_compiled
from search.types import Vectors

SPREAD = 1.0
# umap-learn's own numbers of epochs.
EPOCHS_OF_FEW, EPOCHS_OF_MANY, MANY = 500, 200, 10_000
START_RADIUS = 5.0  # umap-learn starts in a square of side ten
START_NOISE = 1e-4
# Share of the way back to the start in each epoch. Measured on the eight layers of the sample data: pictures
# move a quarter to a third less from layer to layer, for 0.007 to 0.012 of trustworthiness; with ten times
# as much the early layers show categories that are not in them.
ANCHOR_STRENGTH = 0.01
TAKEN_FROM_PYNNDESCENT = {
    "pynndescent": "NNDescent",
    "pynndescent.distances": "named_distances",
    "pynndescent.sparse": "sparse_named_distances",
}


def umap_points(rotated: Vectors, plan: ProjectionPlan, start: Points, *, anchored: bool = False) -> Points:
    """Return the UMAP map (n, 2) of at least four vectors (n, d) on their principal axes.

    `anchored` keeps the points near the start.
    """
    import_umap()
    from umap.umap_ import find_ab_params

    a, b = find_ab_params(SPREAD, plan.min_dist)
    return descended(
        _spread_out(start, plan.seed),
        fuzzy_graph(rotated, plan),
        Curve(float(a), float(b)),
        epochs=EPOCHS_OF_FEW if len(rotated) <= MANY else EPOCHS_OF_MANY,
        seed=plan.seed,
        anchor_strength=ANCHOR_STRENGTH if anchored else 0.0,
    )


def fuzzy_graph(rotated: Vectors, plan: ProjectionPlan) -> Graph:
    """Return umap-learn's fuzzy simplicial set of the vectors; neighbours at most all there are."""
    k = min(plan.neighbours, len(rotated) - 1)
    rows, squares = neighbour_lists(rotated, k)
    # On unit vectors half the square is the cosine distance.
    distances = squares / 2 if plan.metric == "cosine" else np.sqrt(squares)
    graph = _fuzzy_simplicial_set()(
        rotated,
        k,
        np.random.RandomState(plan.seed),  # unused where neighbours are given
        plan.metric,
        knn_indices=rows,
        knn_dists=distances,
    )[0].tocoo()
    return Graph(graph.row.astype(np.int32), graph.col.astype(np.int32), graph.data.astype(np.float32))


@cache
def _fuzzy_simplicial_set() -> Any:
    """Return umap-learn's own function, of which numba compiles two parts for five seconds."""
    import_umap()
    from umap.umap_ import compute_membership_strengths, fuzzy_simplicial_set, smooth_knn_dist

    keep_compiled(smooth_knn_dist, compute_membership_strengths)
    return fuzzy_simplicial_set


def import_umap() -> Any:
    """Import umap-learn without what no map of ours uses and what takes long to load.

    One is the TensorFlow of its parametric variant: `umap/__init__.py` does without it when it cannot be
    imported, and None in `sys.modules` makes that import fail. The other is pynndescent, which finds
    neighbours where none are given, and which numba compiles for half a minute when it is first imported:
    whoever uses umap-learn in this process as well loads it when it is needed.
    """
    sys.modules.setdefault("umap.parametric_umap", None)  # type: ignore[arg-type]
    stand_ins = {} if {"umap", "pynndescent"} & sys.modules.keys() else _stand_ins()
    sys.modules.update(stand_ins)
    try:
        import umap
    finally:
        for name in stand_ins:
            del sys.modules[name]
    return umap


class LoadedLater(Mapping[str, Any]):
    """A class or a table of a module that is imported when it is first used."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._loaded = cache(lambda: getattr(import_module(module), name))

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Return an instance of the class."""
        return self._loaded()(*arguments, **options)

    def __instancecheck__(self, instance: object) -> bool:
        """Whether something is an instance of the class: nothing is before its module is imported."""
        return self._module in sys.modules and isinstance(instance, self._loaded())

    def __getitem__(self, key: str) -> Any:
        """Return what the table holds."""
        return self._loaded()[key]

    def __iter__(self) -> Iterator[str]:
        """Yield the keys of the table."""
        return iter(self._loaded())

    def __len__(self) -> int:
        """Return how much the table holds."""
        return len(self._loaded())


def _stand_ins() -> dict[str, ModuleType]:
    """Return modules with what umap-learn takes from pynndescent when it is imported."""
    made = {}
    for module, taken in TAKEN_FROM_PYNNDESCENT.items():
        made[module] = ModuleType(module)
        setattr(made[module], taken, LoadedLater(module, taken))
    return made


def _spread_out(start: Points, seed: int) -> Points:
    """Return a start filling UMAP's square, shaken a little so that no two points coincide."""
    centred = start - (start.max(axis=0) + start.min(axis=0)) / 2
    reach = np.abs(centred).max(axis=0)
    noise = np.random.default_rng(seed).normal(scale=START_NOISE, size=start.shape)
    return np.asarray(centred / np.where(reach > 0, reach, 1) * START_RADIUS + noise, dtype=np.float32)
