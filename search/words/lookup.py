"""Finds images by words, best first: what people said goes before what a classifier sees."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Literal, TypeAlias

from django.db.models import CharField, Q
from django.db.models.functions import Cast

from gallery.browse.facets import asked_within
from gallery.browse.where import Where
from gallery.models import Dataset, Image
from gallery.vocabulary.words import plain_word, vocabulary
from gallery.words import suggestions
from search.words.meanings import ReadWord, read

Matched: TypeAlias = Literal["label", "filename", "metadata", "suggested"]

MOST_FOUND = 10_000  # images of a word, and of a kind
NAMES_WITHIN_S = 1.0  # of all words of a search together, and at most so long for one:
NAMES_OF_WORD_WITHIN_S = 0.3
LOOKED_AT = 500  # names between two looks at the clock
# of images that a classifier sees a word in, the others are not worth a look
LEAST = 0.05
_PARTS = re.compile(r"[\W\d]+")
ORDER: tuple[Matched, ...] = ("label", "filename", "metadata", "suggested")


@dataclass(frozen=True)
class Match:
    """How an image fits the words that were asked for, and how likely it is of them; None: unknown.

    It has so many of the `words`, and is at least so sure of each: what people wrote is sure.
    """

    image: int
    matched: Matched
    probability: float | None
    words: int
    least: float


@dataclass(frozen=True)
class LookedUp:
    """The images that words find, best first; `names_given_up` where there were too many names to look at."""

    words: list[ReadWord]
    matches: list[Match]
    names_given_up: bool


def look_up(words: Sequence[str], where: Where, datasets: Sequence[Dataset]) -> LookedUp:
    """Return the images of datasets, of all when none is named, that fit a filter and some of the words.

    Those that have all words come first. The probability of several words together is not known.
    """
    rows = Image.objects.filter(dataset__in=datasets or Dataset.objects.all())
    found = where.found(rows).order_by()
    read_words = read(words, datasets)
    each, given_up = [], False
    until = time.monotonic() + NAMES_WITHIN_S
    for word in read_words:
        of_word, in_time = _of_word(word, found, None if where.is_open else found, datasets, until)
        each.append(of_word)
        given_up = given_up or not in_time
    return LookedUp(read_words, _together(each), given_up)


Found: TypeAlias = dict[int, tuple[Matched, float | None]]


def _of_word(
    word: ReadWord, rows: Any, allowed: Any, datasets: Sequence[Dataset], until: float
) -> tuple[Found, bool]:
    """Return how images have a word, and whether there was time to look at all names."""
    found: Found = {}
    if word.labels:
        labelled = rows.filter(Q(category__in=word.labels) | Q(further__name__in=word.labels))
        for pk in labelled.values_list("pk", flat=True).distinct()[:MOST_FOUND]:
            found[pk] = "label", 1.0
    named, in_time = _named(word.word, rows, until)
    for pk, matched in named:
        found.setdefault(pk, (matched, None))
    if word.meaning is not None:
        keys = [one.pk for one in datasets or Dataset.objects.all()]
        seen = suggestions.summed(word.meaning.classes, keys).filter(total__gte=LEAST * suggestions.WHOLE)
        if allowed is not None:
            seen = seen.filter(image__in=allowed.values("pk"))
        for row in seen.order_by("-total", "image")[:MOST_FOUND]:
            share = min(1.0, row["total"] / suggestions.WHOLE)
            matched, known = found.setdefault(row["image"], ("suggested", share))
            if known is None:
                found[row["image"]] = matched, share
    return found, in_time


def _named(word: str, rows: Any, until: float) -> tuple[list[tuple[int, Matched]], bool]:
    """Return the images whose names or metadata have a word, and whether there was time to look at all.

    `until` is a time of the monotonic clock.
    """
    forms = set(vocabulary().forms(word))
    ends = {form.split()[-1] for form in forms if form}
    # what has a longer form has the shorter one in it
    stems = [one for one in ends if not any(other != one and other in one for other in ends)]
    if not stems:
        return [], True
    if time.monotonic() > until:
        return [], False
    text = Cast("metadata", CharField())
    likely = rows.alias(text=text).filter(reduce(or_, map(_may_have, stems)))
    first = likely.values_list("pk", "filename", "external_id", "metadata")[:MOST_FOUND]
    columns = asked_within(NAMES_OF_WORD_WITHIN_S, lambda: list(first))
    if columns is None:
        return [], False
    found: list[tuple[int, Matched]] = []
    for place, (pk, filename, external_id, metadata) in enumerate(columns):
        if not place % LOOKED_AT and time.monotonic() > until:
            return found, False
        if _has(forms, [filename, external_id or ""]):
            found.append((pk, "filename"))
        elif _has(forms, _texts(metadata)):
            found.append((pk, "metadata"))
    return found, True


def _may_have(stem: str) -> Q:
    written = json.dumps(stem)[1:-1]
    return Q(filename__icontains=stem) | Q(text__icontains=written) | Q(external_id__icontains=stem)


def _has(forms: Iterable[str], texts: Iterable[str]) -> bool:
    """Whether a text has one of some words, as a word of its own."""
    plain = [f" {_PARTS.sub(' ', plain_word(text))} " for text in texts]
    asked = {form for one in forms for form in (one, f"{one}s")}
    return any(f" {form} " in text for form in asked for text in plain)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _together(each: Sequence[Found]) -> list[Match]:
    found: dict[int, list[tuple[Matched, float | None]]] = {}
    for of_word in each:
        for image, match in of_word.items():
            found.setdefault(image, []).append(match)
    matches = [
        (
            Match(
                image,
                max((one[0] for one in all_of), key=ORDER.index),
                all_of[0][1] if len(each) == 1 else None,
                len(all_of),
                min(share or 0.0 if matched == "suggested" else 1.0 for matched, share in all_of),
            ),
            sum(share or 0.0 for _, share in all_of),
        )
        for image, all_of in found.items()
    ]
    matches.sort(key=lambda pair: (-pair[0].words, ORDER.index(pair[0].matched), -pair[1], pair[0].image))
    return [match for match, _ in matches]
