"""Scores of tuned vectors for images that they were not tuned with: by the folds of a cross-validation.

Leaving one image out, as other configurations are scored, would not do: every tuned vector knows the label of
its own image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.experiments.measured import NEIGHBOURS_KEPT, SCORED_FIRST, Measured, State, store
from search.experiments.scoring import Neighbours, scores_of
from search.features import tunings
from search.index.live import QUERY_EXPANSION, LiveIndex
from search.index.ranking import Rankings, rankings
from search.indexing import labelled_vectors
from search.indexing.labelled_vectors import LabelledImages
from search.models import Experiment, SearchIndex
from search.tuned.held_out import Labelled, tuned_folds
from search.types import Ids


def measure(state: State, index: SearchIndex) -> int:
    """Measure a tuned configuration as an experiment of the labelled images; returns how many that were."""
    return measure_images(state, index, labelled_vectors.read(state.dataset, tunings.plain_spec(index.spec)))


def measure_images(state: State, index: SearchIndex, images: LabelledImages) -> int:
    """Measure a tuned configuration by the labelled images that were read already."""
    if len(images.ids) < 2:
        return 0
    ranked = _ranked(images.values)
    everyone = np.arange(len(images.ids))
    scores = None
    if len(images.names) < len(images.ids):
        scores = scores_of(ranked, everyone, images.names, images.values.codes, SCORED_FIRST)
    neighbours = Neighbours(ranked.neighbours, ranked.scores, scores)
    store(state, Measured(index.spec, Experiment.Metric.COSINE.value, images.ids, neighbours, None))
    return 1


def _ranked(labelled: Labelled) -> Rankings:
    """Rank labelled images against each other by plain cosines, as experiments do."""
    length = min(NEIGHBOURS_KEPT, len(labelled) - 1)
    shape = len(labelled), length
    relevant = np.empty(shape, np.bool_)
    average = np.zeros(len(labelled))
    together = Rankings(np.empty(shape, np.int32), np.empty(shape, np.float32), relevant, average)
    for fold in tuned_folds(labelled):
        order = np.concatenate((fold.places, np.setdiff1d(np.arange(len(labelled)), fold.places)))
        tuned = fold.tuning.tuned(labelled.vectors[order])
        found = rankings(tuned, "cosine", length, labelled.codes[order], asked=len(fold.places))
        assert found.relevant is not None
        assert found.average_precision is not None
        together.neighbours[fold.places] = order[found.neighbours]
        together.scores[fold.places] = found.scores
        relevant[fold.places] = found.relevant
        average[fold.places] = found.average_precision
    return together


def live_rankings(images: LabelledImages) -> tuple[NDArray[np.int64], Ids, NDArray[np.str_]]:
    """Return the full rankings (n, n) of image ids, padded with -1, of every image (n,), and its category.

    They are ranked as a live search does it, expansion and all, but exactly and among labelled images only.
    """
    names = np.array(images.names, dtype=np.str_)
    ranked = np.full((len(images.ids), len(images.ids)), -1, dtype=np.int64)
    for fold in tuned_folds(images.values):
        live = LiveIndex(None, images.ids, fold.tuning.tuned(images.values.vectors))
        asked = images.ids[fold.places]
        found = live.search(
            live.vectors(asked), len(images.ids), exclude_ids=asked, expansion=QUERY_EXPANSION
        )
        ranked[fold.places] = found.ids
    return ranked, images.ids, names[images.values.codes]
