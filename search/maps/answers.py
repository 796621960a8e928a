"""What is answered of maps and of what their points are coloured by."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NotRequired, TypedDict

from search.experiments.answers import LayerPosition


class ShownParameters(TypedDict):
    """The parameters of a map: those that concern its method."""

    metric: str
    neighbours: NotRequired[int]
    min_dist: NotRequired[float]
    perplexity: NotRequired[float]
    seed: int


class ProjectionAnswer(TypedDict):
    """The map of a dataset's images under one layer of a network."""

    id: int
    dataset: str
    model: str
    layer: str
    layer_position: LayerPosition
    pooling: str
    method: str
    parameters: ShownParameters
    digest: Annotated[str, "Of the parameters: layers with the same one belong together."]
    count: int
    fitted: Annotated[int, "The map was made of so many; the others were placed on it."]
    trustworthiness: Annotated[float, "0 to 1: whether what is near on the map is near."]
    neighbour_agreement: Annotated[
        float, "0 to 1: how many of an image's ten nearest are its nearest on the map."
    ]
    separation: Annotated[
        float | None, "1 when categories are apart, 0 as in a random map; null for an unlabelled dataset."
    ]
    weighted_separation: Annotated[float | None, "Times the trustworthiness."]
    seconds: float
    stale: Annotated[bool, "Images were added, removed or relabelled since."]
    computed_at: datetime


class LegendAnswer(TypedDict):
    """What the numbers of the points mean; scores are counted in ten bins."""

    kind: str
    names: list[str]
    counts: list[int]
    none: Annotated[int, "Points without a number (65535)."]
    experiment: Annotated[int | None, "Whose scores they are."]
