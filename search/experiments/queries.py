"""Reads experiments: their rows, their scores by category, and what a picture found in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, TypeVar, get_args

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from gallery.browse.image_summaries import ImageSummary, image_summaries
from gallery.errors import NotFoundError
from gallery.models import Dataset, Image
from search.experiments.answers import (
    BestExperiment,
    CategoryScoresAnswer,
    ExperimentAnswer,
    ExperimentDetailAnswer,
    ImageResultAnswer,
    ImageResultsAnswer,
    NeighbourAnswer,
    NeighboursAnswer,
    Score,
)
from search.extractors import pooling
from search.models import Experiment, ExperimentQuery, Projection
from search.types import Ids

POOLINGS = tuple(pooling.POOLINGS)
BYTES_PER_VALUE = 2  # features are stored as float16
SCORES: tuple[Score, ...] = get_args(Score)
SIGNIFICANT_DIGITS = 6
# as many as float64 holds exactly
POWERS_OF_TEN = np.array([float(f"1e{exponent}") for exponent in range(23)])


Row = TypeVar("Row", Experiment, Projection)


@dataclass(frozen=True)
class Configuration:
    """A dataset and the parts of a spec that lists are narrowed down by; empty means all."""

    dataset: str = ""
    model: str = ""
    layer: str = ""
    pooling: str = ""


@dataclass(frozen=True)
class ExperimentFilter(Configuration):
    """Which experiments are listed; empty means all."""

    metric: str = ""


class QueryScores(TypedDict):
    """How well one image found its like, as it is shown: 0 to 1, None without a label."""

    weighted_precision: float | None
    precision: float | None
    average_precision: float | None


@dataclass(frozen=True)
class StoredNeighbours:
    """What one image found in some experiments, as it is stored, all in one.

    `ids` and `scores` (n,) hold the neighbours of one experiment after the other; those of number i
    are at `starts[i]` to `starts[i + 1]`. Neighbours that were deleted are left out.
    """

    ids: Ids
    scores: NDArray[np.float64]
    starts: Sequence[int]
    images: dict[int, ImageSummary]


def experiment(experiment_id: int) -> Experiment:
    """Return an experiment with its dataset and spec. Raises: NotFoundError."""
    found = Experiment.shown.select_related("dataset", "spec").filter(pk=experiment_id).first()
    if found is None:
        raise NotFoundError(f"There is no experiment {experiment_id}; it may have been deleted.")
    return found


def matching(wanted: ExperimentFilter) -> QuerySet[Experiment]:
    """Return the experiments asked for, without what only one of them shows.

    Raises: NotFoundError for an unknown dataset.
    """
    found = Experiment.shown.select_related("dataset", "spec").defer("categories", "confusion")
    found = of_configuration(found, wanted)
    return found.filter(metric=wanted.metric) if wanted.metric else found


def of_configuration(rows: QuerySet[Row], wanted: Configuration) -> QuerySet[Row]:
    """Return those rows with a dataset and a spec that are as wanted, where anything is wanted of them.

    Raises: NotFoundError for an unknown dataset.
    """
    if wanted.dataset:
        rows = rows.filter(dataset=Dataset.objects.called(wanted.dataset))
    for name in ("model", "layer", "pooling"):
        if value := getattr(wanted, name):
            rows = rows.filter(**{f"spec__{name}": value})
    return rows


def experiment_answers(rows: Sequence[Experiment]) -> list[ExperimentAnswer]:
    """Return experiments, read with their datasets and specs, as plain values."""
    return [_answer(row) for row in rows]


def _answer(row: Experiment) -> ExperimentAnswer:
    return {
        "id": row.pk,
        "dataset": row.dataset.slug,
        "model": row.spec.model,
        "layer": row.spec.layer,
        "pooling": row.spec.pooling,
        "metric": row.metric,
        "input_size": row.spec.input_size,
        "dims": row.spec.dims,
        "bytes_per_vector": row.spec.dims * BYTES_PER_VALUE,
        "images": row.images,
        "k": row.k,
        "weighted_precision": percent(row.weighted_precision),
        "precision": percent(row.precision),
        "map": percent(row.average_precision),
        "extract_ms": milliseconds(row.extract_ms),
        "computed_at": row.computed_at,
        "stale": row.images_revision != row.dataset.revision,
    }


def experiment_detail(experiment_id: int) -> ExperimentDetailAnswer:
    """Return an experiment with its scores by category and which categories it takes for which.

    Raises: NotFoundError.
    """
    row = experiment(experiment_id)
    categories: list[CategoryScoresAnswer] = [
        {
            "name": category["name"],
            "images": category["images"],
            "weighted_precision": percent(category["weighted_precision"]),
            "precision": percent(category["precision"]),
            "map": percent(category["average_precision"]),
        }
        for category in row.categories
    ]
    return {**experiment_answers([row])[0], "categories": categories, "confusion": row.confusion}


def best(datasets: Sequence[Dataset]) -> BestExperiment | None:
    """Return the experiment with the highest weighted precision, in percent; None where none has one."""
    scored = Experiment.shown.filter(dataset__in=datasets, weighted_precision__isnull=False)
    first = scored.select_related("spec", "dataset").order_by("-weighted_precision", "pk").first()
    if first is None:
        return None
    spec = first.spec
    return {
        "dataset": first.dataset.slug,
        "model": spec.model,
        "layer": spec.layer,
        "pooling": spec.pooling,
        "metric": first.metric,
        "weighted_precision": percent(first.weighted_precision),
        "precision": percent(first.precision),
        "map": percent(first.average_precision),
    }


def neighbours(experiment_id: int, image_id: int, k: int) -> NeighboursAnswer:
    """Return the first `k` images that an image found in an experiment, with marks and scores.

    `relevant` is None where a label is missing: nobody knows.
    Raises: NotFoundError for an unknown experiment or image, or an image that was not part of it.
    """
    row = ExperimentQuery.objects.filter(experiment=experiment_id, image=image_id).first()
    stored = _stored_neighbours([row], image_id) if row else None
    if row is None or stored is None or image_id not in stored.images:
        raise NotFoundError(_why_not_found(experiment_id, image_id))
    image = stored.images[image_id]
    first = zip(stored.ids[:k].tolist(), stored.scores[:k].tolist(), strict=True)
    return {
        "experiment": experiment_id,
        "image": image,
        **_scores_of(row),
        "neighbours": [
            _neighbour(image, stored.images[pk], rank, score)
            for rank, (pk, score) in enumerate(first, start=1)
        ],
    }


def of_image(image_id: int) -> ImageResultsAnswer:
    """Return what an image found in every experiment of its dataset, in two database queries.

    Raises: NotFoundError.
    """
    rows = list(ExperimentQuery.objects.filter(image=image_id).order_by("experiment"))
    stored = _stored_neighbours(rows, image_id)
    image = stored.images.pop(image_id, None)
    if image is None:
        raise NotFoundError(f"There is no image {image_id}; it may have been deleted.")
    pairs = list(zip(stored.ids.tolist(), stored.scores.tolist(), strict=True))
    results: list[ImageResultAnswer] = [
        {"experiment": row.experiment_id, **_scores_of(row), "neighbours": pairs[start:end]}
        for row, start, end in zip(rows, stored.starts[:-1], stored.starts[1:], strict=True)
    ]
    return {"image": image, "pictures": stored.images, "results": results}


def _stored_neighbours(rows: Sequence[ExperimentQuery], image_id: int) -> StoredNeighbours:
    """Decode what is stored; the images are those of all neighbours, and the query's own."""
    ids = np.frombuffer(b"".join(bytes(row.neighbours) for row in rows), dtype="<i8")
    scores = np.frombuffer(b"".join(bytes(row.scores) for row in rows), dtype="<f4")
    ends = np.cumsum([0, *(len(row.neighbours) // ids.itemsize for row in rows)])
    images = image_summaries({image_id, *np.unique(ids).tolist()})
    there = np.isin(ids, np.fromiter(images, dtype=np.int64))
    before = np.concatenate([[0], np.cumsum(there)])
    return StoredNeighbours(ids[there], rounded(scores[there]), before[ends].tolist(), images)


def _scores_of(row: ExperimentQuery) -> QueryScores:
    return {
        "weighted_precision": rounded_or_none(row.weighted_precision, 6),
        "precision": rounded_or_none(row.precision, 6),
        "average_precision": rounded_or_none(row.average_precision, 6),
    }


def _neighbour(query: ImageSummary, neighbour: ImageSummary, rank: int, score: float) -> NeighbourAnswer:
    labelled = query["label"] and neighbour["label"]
    relevant = query["label"] == neighbour["label"] if labelled else None
    return {**neighbour, "rank": rank, "score": score, "relevant": relevant}


def _why_not_found(experiment_id: int, image_id: int) -> str:
    if not Experiment.shown.filter(pk=experiment_id).exists():
        return f"There is no experiment {experiment_id}; it may have been deleted."
    if not Image.objects.filter(pk=image_id).exists():
        return f"There is no image {image_id}; it may have been deleted."
    return (
        f"Image {image_id} is not part of experiment {experiment_id}: it belongs to another dataset, was "
        "added later or could not be read. An experiment takes in new images when it is computed again."
    )


def rounded(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return scores (n,) with six significant digits: what a float32 holds, in half the letters of JSON."""
    values = scores.astype(np.float64)
    sizes = np.abs(values)
    exponents = np.floor(np.log10(np.where(sizes > 0, sizes, 1.0))).astype(np.int64)
    shifts = np.clip(SIGNIFICANT_DIGITS - 1 - exponents, 1 - len(POWERS_OF_TEN), len(POWERS_OF_TEN) - 1)
    powers = POWERS_OF_TEN[np.abs(shifts)]
    # multiplied and divided by whole powers only, so that the result is the nearest number to its decimals
    small, large = np.round(values * powers) / powers, np.round(values / powers) * powers
    return np.asarray(np.where(shifts >= 0, small, large), dtype=np.float64)


def percent(fraction: float | None) -> float | None:
    """Return a stored score as it is shown, 0 to 100."""
    return None if fraction is None else round(fraction * 100, 2)


def milliseconds(value: float | None) -> float | None:
    """Return a measured time as it is shown."""
    return rounded_or_none(value, 3)


def rounded_or_none(value: float | None, digits: int) -> float | None:
    """Return a figure as it is shown, None where there is none."""
    return None if value is None else round(value, digits)
