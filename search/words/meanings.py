"""What a word of a search means here: labels that people gave, and classes that a network knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from gallery.models import Category, Dataset, FurtherCategory
from gallery.vocabulary.words import Meaning, plain_word, unknown_word, vocabulary

LABELS_READ = 20_000


@dataclass(frozen=True)
class ReadWord:
    """A word as it was asked for: its meaning, None where no vocabulary has it, and the labels that say it.

    `others` are its other meanings, as they are spelled to be asked for.
    """

    word: str
    meaning: Meaning | None
    labels: tuple[str, ...]
    others: tuple[str, ...]
    nearest: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether a vocabulary or a label has it."""
        return self.meaning is not None or bool(self.labels)

    @property
    def note(self) -> str:
        """What to say of a word that is not known, "" of others."""
        return "" if self.known else unknown_word(self.word, self.nearest)


def read(words: Sequence[str], datasets: Sequence[Dataset]) -> list[ReadWord]:
    """Return what words mean in some datasets, all of them when none is named."""
    names = labels_of(datasets)
    return [_read(word, names) for word in words]


def labels_of(datasets: Sequence[Dataset]) -> list[str]:
    """Return the labels of some datasets, of all when none is named, most frequent first."""
    kept = Category.shown.filter(images__gt=0).exclude(name="").order_by("-images")
    further = FurtherCategory.objects.order_by()
    if datasets:
        kept = kept.filter(dataset__in=datasets)
        further = further.filter(image__dataset__in=datasets)
    names = [*kept.values_list("name", flat=True)[:LABELS_READ]]
    return list(dict.fromkeys([*names, *further.values_list("name", flat=True).distinct()[:LABELS_READ]]))


def _read(word: str, names: Sequence[str]) -> ReadWord:
    known = vocabulary()
    means = known.means(word)
    meaning = means[0] if means else None
    labels = tuple(name for name in names if _says(name, word, meaning))
    nearest = () if means or labels else tuple(known.nearest(word, names))
    # what lies in the first meaning anyway is no other one
    others = tuple(known.spelled(one) for one in means[1:] if not one.classes <= means[0].classes)
    return ReadWord(word, meaning, labels, others, nearest)


def _says(label: str, word: str, meaning: Meaning | None) -> bool:
    """Whether a label says a word: the same one, or a narrower one in the word's meaning."""
    if not _forms(label).isdisjoint(_forms(word)):
        return True
    return meaning is not None and meaning.key in _lineage(label)


@lru_cache(4096)
def _forms(word: str) -> frozenset[str]:
    return frozenset(vocabulary().forms(plain_word(word)))


@lru_cache(4096)
def _lineage(label: str) -> frozenset[int]:
    known = vocabulary()
    means = known.means(label)[:1]
    return frozenset(up.key for one in means for up in (one, *known.above(one.key)))
