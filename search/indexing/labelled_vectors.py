"""Reads the vectors of the labelled images of a dataset: to learn from, and to measure what was learned."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from gallery.models import Dataset
from search.index.faiss.generation import Mean
from search.indexing import database_vectors
from search.models import Embedding, FeatureSpec, SearchIndex
from search.tuned.held_out import Labelled
from search.types import Ids

LEAST_LABELS = 10  # of a category, to be learned
MOST_CATEGORIES = 1000
MOST_IMAGES = 20_000
MOST_BYTES = 256 * 2**20  # of their vectors as float32
SEED = 20


@dataclass(frozen=True)
class LabelledImages:
    """Labelled images of a dataset: `ids` (n,) ascending, and the names of the categories by their codes.

    `enough` says whether two categories have as many labels as it takes. Where none has, all are learned
    that have two, so that it can be said what comes of it.
    """

    ids: Ids
    values: Labelled
    names: list[str]
    enough: bool

    @property
    def learned_names(self) -> list[str]:
        """The names of the categories that can be learned."""
        return self.names[: self.values.learnable]

    @property
    def learned_labels(self) -> int:
        """How many images are of these."""
        return int((self.values.codes < self.values.learnable).sum())


def labels_digest(dataset: Dataset) -> str:
    """Return a digest of the categories of all images: another one when any label has changed."""
    found = hashlib.sha256()
    rows = dataset.images.exclude(category="").order_by("pk").values_list("pk", "category")
    for row in rows.iterator():
        found.update(repr(row).encode())
    return found.hexdigest()


def read(dataset: Dataset, spec: FeatureSpec, most: int = MOST_IMAGES) -> LabelledImages:
    """Return the labelled images of a dataset with their vectors under a spec, of more than `most` some.

    They are about the mean of the vectors of all images, labelled or not.
    """
    index = SearchIndex(dataset=dataset, spec=spec)
    categories = dict(dataset.images.exclude(category="").order_by("pk").values_list("pk", "category"))
    most = min(most, MOST_BYTES // (4 * spec.dims))
    if len(categories) > most:
        some = np.random.default_rng(SEED).choice(np.array(list(categories)), most, replace=False)
        categories = {pk: categories[pk] for pk in np.sort(some).tolist()}
    mean, ids, vectors = Mean(spec.dims), [np.empty(0, np.int64)], [np.empty((0, spec.dims), np.float16)]
    for keys, rows in database_vectors.batches(index):
        mean.add(rows)
        images = _images(keys)
        chosen = np.isin(images, list(categories))
        ids.append(images[chosen])
        vectors.append(rows[chosen])
    found, stacked = np.concatenate(ids), np.concatenate(vectors)
    order = np.argsort(found)
    names, codes, counts = np.unique(
        np.array([categories[pk] for pk in found[order].tolist()], dtype=np.str_),
        return_inverse=True,
        return_counts=True,
    )
    largest_first = np.argsort(-counts, kind="stable")
    ranks = np.argsort(largest_first)
    enough = int((counts >= LEAST_LABELS).sum())
    learnable = enough if enough > 1 else int((counts > 1).sum())
    values = Labelled(
        stacked[order], ranks[codes].astype(np.int32), min(learnable, MOST_CATEGORIES), mean.centre()
    )
    return LabelledImages(found[order], values, names[largest_first].tolist(), enough > 1)


def _images(keys: Ids) -> Ids:
    """Return the images that embeddings (n,) are of, in their order; -1 for one that is gone by now."""
    known = dict(Embedding.objects.filter(pk__in=keys.tolist()).values_list("pk", "image"))
    return np.array([known.get(pk, -1) for pk in keys.tolist()], dtype=np.int64)
