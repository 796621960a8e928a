"""Lays out the layers of a network for a projection job, one map after the other, each near the last."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypedDict, cast

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from gallery.errors import NotFoundError
from gallery.jobs import JobRun
from gallery.models import Dataset
from search.embedding import all_layers
from search.features import matrices
from search.maps import files as map_files
from search.maps.answers import ShownParameters
from search.maps.files import StoredMap
from search.models import FeatureSpec, Projection
from search.projections.alignment import project_onto
from search.projections.clusters import clusters
from search.projections.plan import PlanarMap, Points, ProjectionPlan
from search.projections.projection import place
from search.projections.quality import fidelity, separation, weighted_separation
from search.types import Ids, Vectors

PARAMETERS = {
    "umap": ("metric", "neighbours", "min_dist", "seed"),
    "tsne": ("metric", "perplexity", "seed"),
    "pca": ("metric", "seed"),
}

# numba's threading layers may end the process when two threads enter them at once; and k-means and t-SNE
# limit the threads of the whole process, so that beside them the same seed would give another map
_computing = threading.Lock()


class JobParameters(TypedDict):
    """A plan as the parameters of its job."""

    model: str
    pooling: str
    method: str
    parameters: ShownParameters
    afresh: bool


class MapFigures(TypedDict):
    """What is stored of a map beside its points, by column of its row."""

    count: int
    fitted: int
    images_revision: int
    trustworthiness: float
    neighbour_agreement: float
    separation: float | None
    weighted_separation: float | None


@dataclass(frozen=True)
class Plan:
    """Maps of all layers of one network; with `afresh` the places on the maps there are do not stay."""

    model: str
    pooling: str
    projection: ProjectionPlan
    afresh: bool = False

    @property
    def parameters(self) -> ShownParameters:
        """Return the values that concern the method."""
        values = {name: getattr(self.projection, name) for name in PARAMETERS[self.projection.method]}
        return cast(ShownParameters, values)

    @property
    def digest(self) -> str:
        """Return the digest of the parameters."""
        return hashlib.sha256(json.dumps(self.parameters, sort_keys=True).encode()).hexdigest()

    def as_job(self) -> JobParameters:
        """Return the plan as the parameters of its job."""
        return {
            "model": self.model,
            "pooling": self.pooling,
            "method": self.projection.method,
            "parameters": self.parameters,
            "afresh": self.afresh,
        }


def stored(dataset: Dataset, specs: Sequence[FeatureSpec], plan: Plan) -> QuerySet[Projection]:
    """Return the maps of these layers that there are, made as the plan says."""
    return Projection.objects.filter(
        dataset=dataset, spec__in=specs, method=plan.projection.method, digest=plan.digest
    )


class LayerMaps:
    """Lays out the layers of a network for one job."""

    def __init__(self, run: JobRun, dataset: Dataset, plan: Plan, revision: int) -> None:
        self._run, self._dataset, self._plan, self._revision = run, dataset, plan, revision
        self._ids: Ids = np.empty(0, dtype=np.int64)
        self._categories: list[str] = []
        self._done = 0

    def compute(self, specs: Sequence[FeatureSpec]) -> int:
        """Make and store what is missing or out of date; returns how many maps that were."""
        categories = dict(self._dataset.images.values_list("pk", "category"))
        held = all_layers.held_by_all(self._dataset, specs)
        self._ids = np.intersect1d(held, np.fromiter(categories, dtype=np.int64), assume_unique=True)
        self._categories = [categories[pk] for pk in self._ids.tolist()]
        if not len(self._ids):
            return 0
        there = {row.spec_id: row for row in stored(self._dataset, specs, self._plan)}
        afresh = self._plan.afresh or any(self._outgrown(row) for row in there.values())
        self._run.begin(len(specs), "")
        computed, reference = 0, None
        for self._done, spec in enumerate(reversed(specs)):
            self._run.give_way()
            self._run.advance(self._done, f"Laying out {spec.model} {spec.layer}")
            row = there.get(spec.pk)
            mine = row is not None and row.computed_at >= self._run.job.created_at
            known = _read(row) if row is not None and (mine or not afresh) else None
            if row is None or known is None or not self._is_current(row, known):
                known = self._make(row, spec, known, reference)
                computed += 1
            reference = known.points
        self._run.advance(len(specs))
        return computed

    def _outgrown(self, row: Projection) -> bool:
        """Whether so many pictures came since that most would be placed by a few old ones."""
        most = self._plan.projection.most_fitted or len(self._ids)
        return 2 * row.fitted < min(most, len(self._ids))

    def _is_current(self, row: Projection, known: StoredMap) -> bool:
        return row.images_revision == self._revision and np.array_equal(known.ids, self._ids)

    def _make(
        self, row: Projection | None, spec: FeatureSpec, known: StoredMap | None, reference: Points | None
    ) -> StoredMap:
        """Lay out one layer, judge the map and store it in the place of its predecessor."""
        vectors = matrices.read(self._dataset, spec, self._ids)[1]
        with self._one_at_a_time():
            started = time.perf_counter()
            kept = np.isin(known.ids, self._ids) if known is not None else np.zeros(0, dtype=np.bool_)
            if row is not None and known is not None and kept.any():
                points = self._placed(vectors, known.ids[kept], known.points[kept])
                planar_map = PlanarMap(points, min(row.fitted, int(kept.sum())))
            else:
                planar_map = project_onto(vectors, reference, self._plan.projection)
            self._run.touch()
            made = StoredMap(self._ids, planar_map.points, self._clusters(spec, vectors))
        figures = self._figures(vectors, planar_map)
        seconds = time.perf_counter() - started
        projection = row or Projection(
            dataset=self._dataset,
            spec=spec,
            method=self._plan.projection.method,
            parameters=self._plan.parameters,
            digest=self._plan.digest,
        )
        for name, value in figures.items():
            setattr(projection, name, value)
        projection.seconds = seconds
        self._run.touch()
        map_files.store(projection, made)
        return made

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Wait until no other job of this process lays out a map."""
        while not _computing.acquire(timeout=1.0):
            self._run.give_way()
            self._run.advance(self._done)
        try:
            yield
        finally:
            _computing.release()

    def _placed(self, vectors: Vectors, ids: Ids, points: Points) -> Points:
        """Return the map with what came since placed on it; what was there stays where it is."""
        rows = np.searchsorted(self._ids, ids)
        new = np.setdiff1d(np.arange(len(self._ids)), rows, assume_unique=True)
        placed = np.empty((len(self._ids), 2), dtype=np.float32)
        placed[rows] = points
        if len(new):
            placed[new] = place(vectors[new], vectors[rows], points, self._plan.projection)
        return placed

    def _figures(self, vectors: Vectors, planar_map: PlanarMap) -> MapFigures:
        kept = fidelity(vectors, planar_map.points, metric=self._plan.projection.metric)
        separated = separation(planar_map.points, self._categories) if any(self._categories) else None
        weighted = None if separated is None else weighted_separation(kept.trustworthiness, separated)
        return {
            "count": len(self._ids),
            "fitted": planar_map.fitted,
            "images_revision": self._revision,
            "trustworthiness": kept.trustworthiness,
            "neighbour_agreement": kept.neighbour_agreement,
            "separation": separated,
            "weighted_separation": weighted,
        }

    def _clusters(self, spec: FeatureSpec, vectors: Vectors) -> NDArray[np.uint16]:
        """Return the clusters of the layer's vectors, from another map of the same images if there is one."""
        metric, seed = self._plan.projection.metric, self._plan.projection.seed
        for other in Projection.objects.filter(dataset=self._dataset, spec=spec).order_by("pk"):
            if (other.parameters.get("metric"), other.parameters.get("seed")) == (metric, seed):
                found = _read(other)
                if found is not None and np.array_equal(found.ids, self._ids):
                    return found.clusters
        return clusters(vectors, metric=metric, seed=seed).astype(np.uint16)


def _read(row: Projection) -> StoredMap | None:
    """Return a stored map, or None when its file is lost: then it is made again."""
    try:
        return map_files.read(row)
    except NotFoundError:
        return None
