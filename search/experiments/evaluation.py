"""Scores a configuration on a labelled dataset: every image searches for the others of its category."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from django.core.files.storage import default_storage
from numpy.typing import NDArray

from gallery.errors import NotFoundError, SemsearchError
from gallery.imaging import decoding
from gallery.imaging.limits import image_limits
from gallery.models import Dataset
from search import metrics
from search.experiments import jobs as experiment_jobs
from search.experiments import tuned_scores
from search.experiments.scoring import ScoringOptions, rank_and_score
from search.features import feature_specs, loaded_extractors, matrices, tunings
from search.index.live import Expansion
from search.indexing import labelled_vectors, snapshots
from search.live.engine import QUERY_EXPANSION
from search.models import FeatureSpec
from search.types import FeatureConfig, FeatureConfigValues, Ids

MOST_TUNED = 5000  # images, drawn by chance: of each pair of them a score is held


class UnlabelledError(SemsearchError):
    """A dataset without categories cannot be scored."""

    code = "unlabelled"
    status = 422


class ExpansionValues(TypedDict):
    """How a query is expanded, as plain values."""

    neighbours: int
    alpha: float


class EvaluatedConfig(FeatureConfigValues):
    """What was evaluated: the features, and how they are compared."""

    metric: str
    query_expansion: ExpansionValues | None


class MeanScores(TypedDict):
    """Means over all queries, in percent."""

    weighted_precision: float
    precision: float
    map: float


def evaluate_live(dataset: Dataset, k: int = 10) -> tuple[EvaluatedConfig, MeanScores]:
    """Return the live configuration of a dataset and its scores, leave-one-out over the labelled images.

    The index is asked exactly as a live search asks it: each query is made from its stored file as an upload
    would be; the image itself is left out. Where live search is tuned to the labels, each fifth of the images
    searches with a tuning that was learned without it, among labelled images and by stored vectors.
    Raises: UnlabelledError when fewer than two images share a category.
    """
    index = feature_specs.live_index(dataset)
    spec = index.spec
    evaluated: EvaluatedConfig = {
        **spec.config.as_values(),
        "metric": "cosine",
        "query_expansion": expansion_values(QUERY_EXPANSION),
    }
    categories, keys, files = _labelled(dataset, spec)
    if spec.tuning:
        ranked, keys, categories = tuned_scores.live_rankings(
            labelled_vectors.read(dataset, tunings.plain_spec(spec), MOST_TUNED)
        )
        return evaluated, score(ranked, keys, categories, k)
    live = snapshots.searchable(index)
    there, queries = _queries(files, spec.config)
    categories, keys = categories[there], keys[there]
    found = live.search(queries, len(keys), exclude_ids=keys, expansion=QUERY_EXPANSION)
    return evaluated, score(found.ids, keys, categories, k)


def evaluate_experiment(
    dataset: Dataset, config: FeatureConfig, metric: str, k: int = 10
) -> tuple[EvaluatedConfig, MeanScores]:
    """Return a configuration and its scores as an experiment has them: plain vectors, no index, no expansion.

    What is missing of the experiments with its network is computed first.
    Raises: UnlabelledError when no two images share a category; WeightsError, NotFoundError, TooLargeError
    for a configuration that cannot be had.
    """
    spec = FeatureSpec.objects.for_config(config)
    experiment_jobs.compute_now(dataset, experiment_jobs.Plan(config.model, (config.pooling,), (metric,)))
    rows = list(dataset.images.exclude(category="").order_by("pk").values_list("pk", "category"))
    ids = np.array([pk for pk, _ in rows], dtype=np.int64)
    found, vectors = matrices.read(dataset, spec, ids)
    categories = np.array([category for _, category in rows], dtype=np.str_)[np.searchsorted(ids, found)]
    scores = rank_and_score(vectors, categories.tolist(), ScoringOptions(metric, k, k)).scores
    if scores is None:
        raise unlabelled(dataset)
    means = MeanScores(
        weighted_precision=_percent(scores.weighted_precision),
        precision=_percent(scores.precision),
        map=_percent(scores.average_precision),
    )
    return {**config.as_values(), "metric": metric, "query_expansion": None}, means


def expansion_values(expansion: Expansion | None) -> ExpansionValues | None:
    """Return how a query is expanded as plain values."""
    return {"neighbours": expansion.neighbours, "alpha": expansion.alpha} if expansion else None


def unlabelled(dataset: Dataset) -> UnlabelledError:
    """Return what is said where nothing can be measured."""
    return UnlabelledError(
        f"{dataset.name} has no two labelled images with features and the same category: import a folder "
        "with one subfolder a category, then run extract_features."
    )


def score(ranked: NDArray[np.int64], keys: Ids, categories: NDArray[np.str_], k: int) -> MeanScores:
    """Return the scores of rankings (n, r) of ids, padded with -1, of queries (n,) with these labels (n,)."""
    order = np.argsort(keys)
    places = order[np.minimum(np.searchsorted(keys[order], ranked), len(keys) - 1)]
    relevant = (
        (categories[places] == categories[:, None]) & (keys[places] == ranked) & (ranked != keys[:, None])
    )
    totals = (categories[:, None] == categories[None, :]).sum(axis=1) - 1
    return MeanScores(
        weighted_precision=_percent(metrics.weighted_precision_at(relevant, k)),
        precision=_percent(metrics.precision_at(relevant, k)),
        map=_percent(metrics.average_precision(relevant, totals)),
    )


def _percent(values: NDArray[np.float64]) -> float:
    return round(float(values.mean()) * 100, 2)


def _labelled(dataset: Dataset, spec: FeatureSpec) -> tuple[NDArray[np.str_], Ids, list[str]]:
    rows = list(
        dataset.embeddings.filter(spec=spec)
        .exclude(image__category="")
        .order_by("pk")
        .values_list("pk", "image__category", "image__file")
    )
    if len(rows) < 2 or len({label for _, label, _ in rows}) == len(rows):
        raise unlabelled(dataset)
    return (
        np.array([row[1] for row in rows]),
        np.array([row[0] for row in rows], dtype=np.int64),
        [row[2] for row in rows],
    )


def _queries(files: list[str], config: FeatureConfig) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return which of the stored files are there (n,), by their places, and their vectors (n, d) as queries.

    Raises: NotFoundError when none is.
    """
    network = loaded_extractors.extractor(config)
    there, vectors = [], []
    for place, name in enumerate(files):
        try:
            with default_storage.open(name) as file:
                data = file.read()
        except FileNotFoundError:  # its image was deleted since the list was read
            continue
        limits = image_limits(of_a_job=True)
        with decoding.held(data, limits, shortest_side=config.input_size) as (_, rgb):
            prepared = network.prepare(rgb)
        there.append(place)
        vectors.append(network.extract(prepared[None])[0])
    if not there:
        raise NotFoundError("The images to search with have been deleted.")
    return np.array(there, dtype=np.int64), np.stack(vectors)
