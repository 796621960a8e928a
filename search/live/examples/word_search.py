"""Searches by words: what they find, then what looks like the first of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from gallery.models import Dataset, Image
from gallery.words.suggestions import SHOWN_FROM
from search.live.document import QueryDocument
from search.live.finding.hits import ShownImage, shown
from search.live.finding.steering import Steering
from search.models import Embedding, SearchIndex
from search.types import Vectors
from search.words.lookup import LookedUp, Match, look_up

# The mean of so many of the first images of a word is what the rest is searched with; images that are less
# likely of it are none of these. Measured in docs/explanation/words.md
MODELS = 5
MODEL_FROM = 0.3


@dataclass(frozen=True)
class WordQuery:
    """What the words of a document find, and the vectors of its first images."""

    found: LookedUp

    @property
    def model_ids(self) -> list[int]:
        """The images that stand for the words."""
        words = len(self.found.words)
        sure = (one for one in self.found.matches if one.words == words and one.least >= MODEL_FROM)
        return [one.image for one in islice(sure, MODELS)]

    @property
    def first(self) -> list[Match]:
        """What comes before all that looks like it: the models, and what is as likely of the words as not.

        Where no image stands for the words, all that may have them.
        """
        models = set(self.model_ids)
        if not models:
            return self.found.matches
        return [one for one in self.found.matches if one.image in models or one.least >= SHOWN_FROM]

    def vectors(self, index: SearchIndex) -> Vectors:
        """Return the vectors (n, d) of these images under the spec of an index, none or more."""
        rows = Embedding.objects.filter(image__in=self.model_ids, spec=index.spec_id).order_by("image")
        stored = [np.frombuffer(bytes(row), dtype="<f2") for row in rows.values_list("vector", flat=True)]
        return np.array(stored, dtype=np.float32).reshape(len(stored), index.spec.dims)

    def steering(self, index: SearchIndex) -> Steering | None:
        """Return what an index is asked for the words alone; None where no image stands for them."""
        vectors = self.vectors(index)
        if not len(vectors):
            return None
        nothing = np.empty((0, vectors.shape[1]), dtype=np.float32)
        ones = np.ones(len(vectors), dtype=np.float32)
        return Steering(vectors, ones, nothing, np.empty(0, dtype=np.float32))


def ask(document: QueryDocument) -> WordQuery:
    """Look up the words of a document. Raises: NotFoundError for a dataset that is not there."""
    datasets = [Dataset.objects.called(slug) for slug in document.datasets]
    return WordQuery(look_up(document.words, document.where, datasets))


def page_of(matches: Sequence[Match], skipped: int, wanted: int) -> tuple[list[ShownImage], int]:
    """Return the images of matches that are shown, from a place on, and how many of all those are.

    What is hidden meanwhile is passed over; all are counted only as far as they are needed.
    """
    ids = [one.image for one in matches]
    there: list[int] = []
    for start in range(0, len(ids), 500):
        block = ids[start : start + 500]
        kept = set(Image.objects.filter(pk__in=block).values_list("pk", flat=True))
        there += [pk for pk in block if pk in kept]
        if len(there) >= skipped + wanted:
            break
    chosen = there[skipped : skipped + wanted]
    rows = Image.objects.select_related("dataset").in_bulk(chosen)
    return [shown(rows[pk]) for pk in chosen if pk in rows], len(there)
