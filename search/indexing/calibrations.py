"""Keeps what the scores of each index mean: fitted on what is served, and anew when that has changed."""

from __future__ import annotations

import time

import numpy as np
from django.db import transaction
from django.db.models import F, Sum
from numpy.typing import NDArray

from gallery.errors import IndexDamagedError
from gallery.models import Category, Image
from search.features import tunings
from search.index import calibration_fit
from search.index.base import NO_ID
from search.index.calibration import (
    AGREEING,
    FEATURES,
    UNKNOWN_LABEL,
    Calibration,
    Labelled,
    Nearest,
    Reals,
    evidence,
)
from search.index.live import QUERY_EXPANSION, LiveIndex
from search.indexing import database_vectors, labelled_vectors, snapshots
from search.indexing.backends import backend
from search.models import Embedding, ScoreCalibration, SearchIndex
from search.tuned.held_out import queries_of, tuned_folds
from search.tuned.tuning import centred_units, taught
from search.types import Ids

QUERIES = 1000
NEIGHBOURS = 50  # of each query; chosen in docs/explanation/lab/calibration.md
PAIRED = 512  # images that each query is paired with, however far they are
ASKED_AT_ONCE = 50
TAKEN_OUT = 20  # categories that are searched for without being there, those of most queries
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
        and "curve" in row.values  # older ones know of scores alone
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
    labels = dict(zip(ids.tolist(), values.codes.astype(str).tolist(), strict=True))
    asked = queries_of(values)
    found = _Found()
    for fold in tuned_folds(values):
        live = LiveIndex(None, ids, fold.tuning.tuned(values.vectors))
        found.add(live, ids[np.intersect1d(fold.places, asked)], labels)
    absent = _Found()
    units = centred_units(values.vectors, values.centre)
    for code in range(min(values.learnable, TAKEN_OUT) if values.learnable > 1 else 0):
        rest, queries = values.codes != code, asked[values.codes[asked] == code]
        codes = values.taught[rest]
        codes[codes > code] -= 1
        tuning = taught(values.centre, units[rest], codes, values.learnable - 1)
        absent.add(LiveIndex(None, ids, tuning.tuned(values.vectors)), ids[queries], labels, ids[rest])
    return found.labelled(absent)


def _labelled_pairs(index: SearchIndex, live: LiveIndex, sample: Ids) -> Labelled:
    """Return the first neighbours of labelled images, those left out that nobody has labelled."""
    labels = _labels(sample)
    if len(labels) < QUERIES // 2 and live.count > len(sample):
        labels |= _first_labelled(index, live)
    asked = np.array(sorted(labels), dtype=np.int64)[:QUERIES]
    found, absent = _Found(), _Found()
    found.add(live, asked, labels)
    names = np.array([labels[key] for key in asked.tolist()], dtype=np.str_)
    every = np.unique(live.sample(live.count))
    for name in _most_frequent(names):
        images = Image.objects.filter(dataset=index.dataset_id, category=name).order_by()
        own = database_vectors.embeddings(index).filter(image__in=images.values("pk")).order_by()
        rest = np.setdiff1d(every, np.fromiter(own.values_list("pk", flat=True).iterator(), dtype=np.int64))
        absent.add(live, asked[names == name], labels, rest)
    return found.labelled(absent)


def _most_frequent(names: NDArray[np.str_]) -> list[str]:
    """Return the categories of most queries, none where there is but one."""
    found, counts = np.unique(names, return_counts=True)
    return (
        [str(name) for name in found[np.argsort(-counts, kind="stable")][:TAKEN_OUT]]
        if len(found) > 1
        else []
    )


class _Found:
    """What was found of queries: evidence of the neighbours that have a label, as a search has it."""

    def __init__(self) -> None:
        self._evidence: list[Reals] = [np.empty((0, FEATURES))]
        self._same: list[NDArray[np.bool_]] = [np.empty(0, dtype=np.bool_)]
        self._queries: list[Ids] = [np.empty(0, dtype=np.int64)]

    def add(self, live: LiveIndex, queries: Ids, labels: dict[int, str], allowed: Ids | None = None) -> None:
        """Search with the vectors of some ids, whose labels are known; what is allowed has been chosen."""
        known = dict(labels)
        for start in range(0, len(queries), ASKED_AT_ONCE):
            some = queries[start : start + ASKED_AT_ONCE]
            found = live.search(
                live.vectors(some), NEIGHBOURS, allowed, exclude_ids=some, expansion=QUERY_EXPANSION
            )
            fresh = np.setdiff1d(found.ids[found.ids != NO_ID], np.fromiter(known, dtype=np.int64))
            known |= dict.fromkeys(fresh.tolist(), UNKNOWN_LABEL) | _labels(fresh)
            for query, ids, scores in zip(some.tolist(), found.ids, found.scores, strict=True):
                self._add(query, known, ids[ids != NO_ID], scores[ids != NO_ID].astype(np.float64))

    def _add(self, query: int, known: dict[int, str], ids: Ids, scores: Reals) -> None:
        labels = np.array([known[key] for key in ids.tolist()], dtype=np.str_)
        told = np.flatnonzero(labels != UNKNOWN_LABEL)
        nearest = Nearest(scores[:AGREEING], labels[:AGREEING])
        self._evidence.append(evidence(nearest, told, scores[told], labels[told]))
        self._same.append(labels[told] == known[query])
        self._queries.append(np.full(len(told), query))

    def labelled(self, absent: _Found) -> Labelled:
        """Return it, with what was found of queries whose category was taken out."""
        return Labelled(
            np.concatenate(self._evidence),
            np.concatenate(self._same),
            np.concatenate(self._queries),
            np.concatenate(absent._evidence),
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
