"""How far the suggested words of a dataset can be trusted, by the labels that people gave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, TypedDict

from django.db.models import F

from gallery.models import Category, Dataset, Image
from gallery.vocabulary.words import Meaning, vocabulary
from gallery.words import suggestions

SAMPLE = 2_000  # images that are looked at, spread evenly
MOST_CATEGORIES = 100
FIRST = 10


class CategoryCoverage(TypedDict):
    """What is known of the words of one category."""

    label: str
    images: int
    meaning: Annotated[
        str | None, "As the vocabulary has it; null where it does not, and nothing is claimed."
    ]
    classes: Annotated[int, "How many classes of the network lie in it."]
    precision_at_10: Annotated[
        float | None, "Share of the label among the ten images that its classes are seen in most surely."
    ]


class CoverageAnswer(TypedDict):
    """How far suggested words reach in a dataset, and how often they are right."""

    images: int
    looked_at: Annotated[int, "Of those in the sample, how many were looked at for words."]
    sample: Annotated[int, "Images that the shares are of: a large dataset is not counted whole."]
    coverage: Annotated[float | None, "Share of the images looked at that have a suggestion."]
    precision: Annotated[
        float | None,
        "Share of suggestions that say what the label says, more narrowly or more broadly; of images whose "
        "label the vocabulary has.",
    ]
    judged: Annotated[int, "How many suggestions that is of."]
    categories: list[CategoryCoverage]


@dataclass
class _Judged:
    covered: int = 0
    judged: int = 0
    right: int = 0


def coverage(dataset: Dataset) -> CoverageAnswer:
    """Return how far the words of a dataset reach, and how often they are right."""
    rows = Category.objects.filter(dataset=dataset, images__gt=0)
    counts = dict(rows.values_list("name", "images"))
    total = sum(counts.values())
    sample = _sample(dataset, total)
    looked_at = 0
    found = _Judged()
    for start in range(0, len(sample), 500):
        looked_at += _judge(sample[start : start + 500], found)
    labels = sorted((name for name in counts if name), key=lambda name: (-counts[name], name))
    return {
        "images": total,
        "looked_at": looked_at,
        "sample": len(sample),
        "coverage": _share(found.covered, looked_at),
        "precision": _share(found.right, found.judged),
        "judged": found.judged,
        "categories": [_category(dataset, name, counts[name]) for name in labels[:MOST_CATEGORIES]],
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _sample(dataset: Dataset, total: int) -> list[tuple[int, str]]:
    step = max(1, total // SAMPLE)
    rows = Image.objects.filter(dataset=dataset).alias(place=F("pk") % step).filter(place=0)
    return list(rows.order_by("pk").values_list("pk", "category")[: 2 * SAMPLE])


def _judge(images: Sequence[tuple[int, str]], found: _Judged) -> int:
    """Judge the suggestions of some images; returns how many of these were looked at."""
    shares = suggestions.shares_of([pk for pk, _ in images])
    known = vocabulary()
    for pk, label in images:
        shown = suggestions.shown(shares[pk])
        found.covered += bool(shown)
        means = known.means(label)[:1] if label else ()
        for meaning in means:
            found.judged += len(shown)
            found.right += sum(agree(meaning, one.meaning) for one in shown)
    return sum(bool(shares[pk]) for pk, _ in images)


def agree(label: Meaning, word: Meaning) -> bool:
    """Whether a word says what a label says, more narrowly or more broadly."""
    return label.key == word.key or label.key in _above(word) or word.key in _above(label)


def _above(meaning: Meaning) -> Iterator[int]:
    return (up.key for up in vocabulary().above(meaning.key))


def _category(dataset: Dataset, label: str, images: int) -> CategoryCoverage:
    means = vocabulary().means(label)
    return {
        "label": label,
        "images": images,
        "meaning": means[0].title if means else None,
        "classes": len(means[0].classes) if means else 0,
        "precision_at_10": _precision(dataset, label, means[0]) if means else None,
    }


def _precision(dataset: Dataset, label: str, meaning: Meaning) -> float | None:
    first = suggestions.summed(meaning.classes, [dataset.pk]).order_by("-total", "image")
    ids = [row["image"] for row in first[:FIRST]]
    return _share(Image.objects.filter(pk__in=ids, category=label).count(), len(ids))
