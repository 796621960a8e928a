"""Keeps what the scores of each index mean: fitted on what is served, and anew when that has changed."""

from __future__ import annotations

import time

import numpy as np
from django.db import transaction
from django.db.models import F, Sum

from gallery.errors import IndexDamagedError
from gallery.models import Category
from search.features import tunings
from search.index import calibration_fit
from search.index.base import NO_ID
from search.index.calibration import Calibration, Labelled
from search.index.live import QUERY_EXPANSION, LiveIndex
from search.indexing import database_vectors, labelled_vectors, snapshots
from search.indexing.backends import backend
from search.models import Embedding, ScoreCalibration, SearchIndex
from search.tuned.held_out import queries_of, tuned_folds
from search.types import Ids

QUERIES = 1000
NEIGHBOURS = 50  # of each query; chosen in docs/explanation/lab/calibration.md
PAIRED = 512  # images that each query is paired with, however far they are
ASKED_AT_ONCE = 50
HELD_OUT = 5000  # labelled images that tuned vectors are calibrated on
# What was fitted holds until the number of vectors or labels is another one by so much
CHANGED_SHARE, CHANGED_LEAST = 0.2, 20


def fit(index: SearchIndex) -> ScoreCalibration:
    """Fit what the scores of an index mean, and let every process know."""
    began = time.perf_counter()
    index = SearchIndex._base_manager.select_related("spec", "dataset").get(pk=index.pk)
    embeddings, labelled = index.embeddings, _labelled_images(index)
    live = snapshots.searchable(index)
    found = _fitted(index, live)
    with transaction.atomic():
        row, _ = ScoreCalibration.objects.update_or_create(
            index=index,
            defaults={
                "values": found.as_values(),
                "generation": _generation(index),
                "embeddings": embeddings,
                "labelled": labelled,
                "seconds": round(time.perf_counter() - began, 3),
            },
        )
        # processes read it with what else is new
        SearchIndex._base_manager.filter(pk=index.pk).update(revision=F("revision") + 1)
    return row


def fit_when_due(index: SearchIndex) -> ScoreCalibration | None:
    """Fit it where there is none, or of another generation, or of a fifth fewer or more vectors or labels."""
    row = ScoreCalibration.objects.filter(index=index).first()
    embeddings = SearchIndex._base_manager.values_list("embeddings", flat=True).get(pk=index.pk)
    if row is None:
        return fit(index) if embeddings else None
    if (
        row.generation == _generation(index)
        and not _is_another(row.embeddings, embeddings)
        and not _is_another(row.labelled, _labelled_images(index))
    ):
        return None
    return fit(index)


def _is_another(before: int, now: int) -> bool:
    return abs(now - before) > max(CHANGED_LEAST, CHANGED_SHARE * before)


def _generation(index: SearchIndex) -> str:
    try:
        name = backend().current_name(index.store_name) or ""
    except IndexDamagedError:
        return ""
    # what follows a dot counts changes that were taken in
    return name.split(".")[0]


def _labelled_images(index: SearchIndex) -> int:
    rows = Category.objects.filter(dataset=index.dataset_id).exclude(name="")
    return int(rows.aggregate(images=Sum("images"))["images"] or 0)


def _fitted(index: SearchIndex, live: LiveIndex) -> Calibration:
    sample = live.sample(QUERIES)
    if len(sample) < 2:
        return Calibration(np.empty(0), unknown="few")
    paired = live.sample(PAIRED)
    pairs = live.pair_scores(live.vectors(sample), paired, exclude_ids=sample, expansion=QUERY_EXPANSION)
    others = sample[:, None] != paired[None]
    labelled = _held_out_pairs(index) if index.spec.tuning else _labelled_pairs(index, live, sample)
    return calibration_fit.fitted(labelled, pairs[others])


def _held_out_pairs(index: SearchIndex) -> Labelled:
    """Return the first neighbours of labelled images by what was learned without the labels of their fold.

    What serves knows the label of every image that it was learned from: its scores would promise too much.
    """
    images = labelled_vectors.read(index.dataset, tunings.plain_spec(index.spec), HELD_OUT)
    values, ids = images.values, images.ids
    asked = queries_of(values)
    scores, same, queries = [np.empty(0)], [np.empty(0, np.bool_)], [np.empty(0, np.int64)]
    for fold in tuned_folds(values):
        live = LiveIndex(None, ids, fold.tuning.tuned(values.vectors))
        places = np.intersect1d(fold.places, asked)
        some = ids[places]
        found = live.search(live.vectors(some), NEIGHBOURS, exclude_ids=some, expansion=QUERY_EXPANSION)
        there = found.ids != NO_ID
        codes = values.codes[np.minimum(np.searchsorted(ids, found.ids), len(ids) - 1)]
        scores.append(found.scores[there].astype(np.float64))
        same.append((codes == values.codes[places][:, None])[there])
        queries.append(np.repeat(some, there.sum(axis=1)))
    return Labelled(np.concatenate(scores), np.concatenate(same), np.concatenate(queries))


def _labelled_pairs(index: SearchIndex, live: LiveIndex, sample: Ids) -> Labelled:
    """Return the first neighbours of labelled images, those left out that nobody has labelled."""
    labels = _labels(sample)
    if len(labels) < QUERIES // 2 and live.count > len(sample):
        labels |= _first_labelled(index, live)
    asked = np.array(sorted(labels), dtype=np.int64)[:QUERIES]
    scores, same, queries = [], [], []
    for start in range(0, len(asked), ASKED_AT_ONCE):
        some = asked[start : start + ASKED_AT_ONCE]
        found = live.search(live.vectors(some), NEIGHBOURS, exclude_ids=some, expansion=QUERY_EXPANSION)
        known = _labels(np.unique(found.ids[found.ids != NO_ID]))
        for query, ids, near in zip(some.tolist(), found.ids.tolist(), found.scores, strict=True):
            there = np.array([key in known for key in ids], dtype=np.bool_)
            scores.append(near[there])
            same.append([known[key] == labels[query] for key in ids if key in known])
            queries.append(np.full(int(there.sum()), query))
    if not scores:
        return Labelled(np.empty(0), np.empty(0, dtype=np.bool_), asked)
    return Labelled(
        np.concatenate(scores).astype(np.float64),
        np.concatenate([np.array(one, dtype=np.bool_) for one in same]),
        np.concatenate(queries),
    )


def _labels(ids: Ids) -> dict[int, str]:
    """Return the category of each of the embeddings whose image has one."""
    found: dict[int, str] = {}
    for start in range(0, len(ids), database_vectors.NAMED_IDS):
        named = ids[start : start + database_vectors.NAMED_IDS].tolist()
        rows = Embedding.objects.filter(pk__in=named).exclude(image__category="")
        found |= dict(rows.values_list("pk", "image__category"))
    return found


def _first_labelled(index: SearchIndex, live: LiveIndex) -> dict[int, str]:
    """Return the labels of the first images that have one: where few have, a sample finds too few of them."""
    rows = database_vectors.embeddings(index).filter(image__category__gt="").order_by("pk")
    found = dict(rows.values_list("pk", "image__category")[:QUERIES])
    keys = np.array(sorted(found), dtype=np.int64)
    return {key: found[key] for key in keys[live.known(keys)].tolist()}
