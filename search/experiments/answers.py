"""What is answered of experiments, of what an image found in them, and of the leaderboard."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias, TypedDict

from gallery.browse.image_summaries import ImageSummary
from search.experiments.scoring import Confusion

Percent: TypeAlias = Annotated[
    float | None, "Over all labelled images, in percent; null for an unlabelled dataset."
]
Fraction: TypeAlias = Annotated[float | None, "0 to 1; null without a label."]
LayerPosition: TypeAlias = Annotated[
    int | None, "Among the network's layers, from 1; null when that is no longer known."
]
Score: TypeAlias = Literal["weighted_precision", "precision", "map"]


class ExperimentAnswer(TypedDict):
    """An experiment: every image of a dataset searched among the others."""

    id: int
    dataset: str
    model: str
    layer: str
    pooling: str
    metric: str
    input_size: int
    dims: int
    bytes_per_vector: int
    images: int
    k: Annotated[int, "How many first neighbours the precisions look at."]
    weighted_precision: Percent
    precision: Percent
    map: Percent
    extract_ms: Annotated[float | None, "Milliseconds an image of the network up to the layer."]
    computed_at: datetime
    stale: Annotated[bool, "Images were added, removed or relabelled since."]


class CategoryScoresAnswer(TypedDict):
    """The scores of the images of one category."""

    name: str
    images: int
    weighted_precision: Percent
    precision: Percent
    map: Percent


class ExperimentDetailAnswer(ExperimentAnswer):
    """An experiment with its scores by category."""

    categories: list[CategoryScoresAnswer]
    confusion: list[Confusion]


class BestExperiment(TypedDict):
    """The experiment with the highest weighted precision, scores in percent."""

    dataset: str
    model: str
    layer: str
    pooling: str
    metric: str
    weighted_precision: float | None
    precision: float | None
    map: float | None


class NeighbourAnswer(ImageSummary):
    """An image that was found; `relevant` is null where a label is missing."""

    rank: int
    score: Annotated[float, "Higher is nearer; distances are negative."]
    relevant: bool | None


class NeighboursAnswer(TypedDict):
    """What an image found in one experiment, nearest first."""

    experiment: int
    image: ImageSummary
    weighted_precision: Fraction
    precision: Fraction
    average_precision: Fraction
    neighbours: list[NeighbourAnswer]


class ImageResultAnswer(TypedDict):
    """What an image found in one experiment, as `[id, score]` pairs, nearest first."""

    experiment: int
    weighted_precision: Fraction
    precision: Fraction
    average_precision: Fraction
    neighbours: Annotated[list[tuple[int, float]], "As many as an experiment keeps."]


class ImageResultsAnswer(TypedDict):
    """What an image found in every experiment; `pictures` holds each image once, by id."""

    image: ImageSummary
    pictures: dict[int, ImageSummary]
    results: list[ImageResultAnswer]


class ScoredImage(ImageSummary):
    """An image and how well it found its like in one experiment."""

    rank: Annotated[int, "Among all images with a label, from 1; the best come first."]
    weighted_precision: Annotated[float, "0 to 1."]


class ScoredImagesAnswer(TypedDict):
    """Labelled images of an experiment, best first."""

    experiment: int
    total: Annotated[int, "How many have a score; where there are more than were asked for, evenly chosen."]
    images: list[ScoredImage]


class ScoreDistribution(TypedDict):
    """How the weighted precisions of all images of one experiment are distributed."""

    experiment: int
    layer: str
    images: Annotated[int, "How many have a score."]
    mean: Percent
    median: Percent
    scores: Annotated[
        list[tuple[float, int]], "`[score, images that have it]`, the lowest score first, 0 to 1."
    ]


class ScoreDistributionsAnswer(TypedDict):
    """The distributions of one network's layers, the first layer first; without those never computed."""

    dataset: str
    model: str
    pooling: str
    metric: str
    layers: list[ScoreDistribution]


class LeaderboardRowAnswer(TypedDict):
    """An experiment among the others of its dataset."""

    rank: Annotated[int | None, "Equal scores share a rank; null without."]
    experiment: int
    model: str
    title: str
    layer: str
    layer_position: LayerPosition
    pooling: str
    metric: str
    weighted_precision: Percent
    precision: Percent
    map: Percent
    dims: int
    bytes_per_vector: int
    extract_ms: float | None
    pareto: Annotated[bool, "No other row is as good for less, or better for no more."]
    live: Annotated[bool, "The dataset's live searches use this configuration."]
    tuned: Annotated[bool, "Learned from labels; scores are of images that were not learned from."]


class LeaderboardAnswer(TypedDict):
    """The experiments of a dataset, best first."""

    dataset: str
    metric: str | None
    pooling: str | None
    score: Score
    rows: list[LeaderboardRowAnswer]
