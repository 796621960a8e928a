"""Tells how well each image of an experiment found its like, so that the worst can be looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gallery.browse.image_summaries import image_summaries
from search.experiments.answers import ScoredImagesAnswer
from search.experiments.queries import experiment
from search.models import ExperimentQuery
from search.types import Ids

READ_ROWS = 10_000


def image_scores(experiment_id: int, count: int) -> ScoredImagesAnswer:
    """Return at most `count` images by weighted precision, best first; of more, evenly by rank.

    The first and the last are always among them.
    Raises: NotFoundError for an unknown experiment.
    """
    row = experiment(experiment_id)
    ids, scores = _stored(row.pk)
    places = np.unique(np.linspace(0, len(ids) - 1, min(count, len(ids))).round().astype(np.intp))
    summaries = image_summaries(set(ids[places].tolist()))
    chosen = zip(places.tolist(), ids[places].tolist(), scores[places].tolist(), strict=True)
    return {
        "experiment": row.pk,
        "total": len(ids),
        "images": [
            {**summaries[pk], "rank": place + 1, "weighted_precision": round(score, 6)}
            for place, pk, score in chosen
            if pk in summaries
        ],
    }


def _stored(experiment_id: int) -> tuple[Ids, NDArray[np.float64]]:
    """Return the images with a score, and the scores, both (n,), best first and then by id."""
    rows = ExperimentQuery.objects.filter(experiment=experiment_id, weighted_precision__isnull=False)
    # sorted here: the rows are wide, and a database would sort them whole
    pairs = list(rows.order_by("image").values_list("image", "weighted_precision").iterator(READ_ROWS))
    ids = np.array([pk for pk, _ in pairs], dtype=np.int64)
    scores = np.array([score for _, score in pairs], dtype=np.float64)
    order = np.argsort(-scores, kind="stable")
    return ids[order], scores[order]
