"""Explains a neighbour of an experiment: what the cells of both maps have in its score, by any metric."""

from __future__ import annotations

from typing import Annotated, TypedDict

import numpy as np

from gallery.errors import NotFoundError
from gallery.models import Image
from search.experiments.queries import experiment
from search.extractors.cell_shares import between
from search.features import kept_maps
from search.features.cell_answers import DIGITS, Cells, Square, rows_of
from search.features.kept_maps import NoMapError
from search.models import Experiment, ExperimentQuery


class NeighbourExplanationAnswer(TypedDict):
    """What each cell of the feature maps of query and neighbour has in the score of the neighbour."""

    experiment: int
    image: int
    metric: str
    score: Annotated[float, "Of a distance, its negative: higher is nearer."]
    hit_cells: Annotated[Cells, "Rows of shares of the neighbour, which add up to the score."]
    hit_square: Square
    query_cells: Annotated[Cells, "Rows of shares of the query, which add up to the score."]
    query_square: Square
    elsewhere: Annotated[float, "0: the query is not averaged with anything."]
    difference: Annotated[
        float, "How far the score is from what the network makes of both now; spread over the cells evenly."
    ]


def explanation(experiment_id: int, image_id: int, neighbour_id: int) -> NeighbourExplanationAnswer:
    """Explain the score of one of the neighbours that an image found.

    Raises: NotFoundError for an unknown experiment, image or neighbour; NoMapError for features of no map;
    WeightsError; BusyError.
    """
    row = experiment(experiment_id)
    if row.spec.tuning:
        raise NoMapError(
            "Each image was scored here by a tuning that was learned without it and is not kept: look at the "
            "hits of live search instead."
        )
    score = _score(row, image_id, neighbour_id)
    images = Image.objects.in_bulk([image_id, neighbour_id])
    for pk in (image_id, neighbour_id):
        if pk not in images:
            raise NotFoundError(f"There is no image {pk}; it may have been deleted.")
    query, neighbour = (
        kept_maps.of_image(images[pk], row.spec.config, any_layer=True) for pk in (image_id, neighbour_id)
    )
    of_neighbour = neighbour.shares(between(row.metric, neighbour.vector, query.vector))
    of_query = query.shares(between(row.metric, query.vector, neighbour.vector))
    return {
        "experiment": row.pk,
        "image": neighbour_id,
        "metric": row.metric,
        "score": score,
        "hit_cells": rows_of(of_neighbour + (score - of_neighbour.sum()) / of_neighbour.size),
        "hit_square": neighbour.square,
        "query_cells": rows_of(of_query + (score - of_query.sum()) / of_query.size),
        "query_square": query.square,
        "elsewhere": 0.0,
        "difference": round(score - float(of_neighbour.sum()), DIGITS),
    }


def _score(row: Experiment, image_id: int, neighbour_id: int) -> float:
    found = ExperimentQuery.objects.filter(experiment=row, image=image_id).first()
    if found is not None:
        ids = np.frombuffer(bytes(found.neighbours), dtype="<i8")
        places = np.flatnonzero(ids == neighbour_id)
        if len(places):
            return float(np.frombuffer(bytes(found.scores), dtype="<f4")[places[0]])
    raise NotFoundError(
        f"Image {neighbour_id} is not among the neighbours that image {image_id} has in experiment {row.pk}."
    )
