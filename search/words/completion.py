"""What a word that is being typed may become: labels, and words that a classifier knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypedDict

from gallery.models import Dataset
from gallery.vocabulary.words import plain_word, vocabulary
from search.words.meanings import labels_of

MOST = 12


class CompletionAnswer(TypedDict):
    """A word that can be searched for."""

    word: str
    kind: Annotated[Literal["label", "vocabulary"], "Who has it: people's labels, or a network's classifier."]
    broader: Annotated[str | None, "What it is a kind of; null for a label."]


class CompletionsAnswer(TypedDict):
    """Words that begin as the text does or have a part that does; of none, those spelled much alike."""

    words: list[CompletionAnswer]


def completions(text: str, datasets: Sequence[Dataset]) -> CompletionsAnswer:
    """Return words for a text, labels of some datasets (of all when none is named) first."""
    plain = plain_word(text)
    labels = labels_of(datasets)
    known = vocabulary()
    found: dict[str, CompletionAnswer] = {
        plain_word(label): {"word": label, "kind": "label", "broader": None}
        for label in _beginning(plain, labels)[:MOST]
    }
    said = [name for name in known.by_word if "(" not in name]
    for name in _beginning(plain, said)[: 2 * MOST] or known.nearest(text):
        found.setdefault(plain_word(name), _of_vocabulary(name))
    return {"words": list(found.values())[:MOST]}


def _beginning(plain: str, words: Sequence[str]) -> list[str]:
    """Return the words of which a part begins with a text, first those that begin with it themselves."""
    having = [word for word in words if f" {plain}" in f" {plain_word(word)}"]
    return sorted(having, key=lambda word: (not plain_word(word).startswith(plain), len(word), word))


def _of_vocabulary(word: str) -> CompletionAnswer:
    known = vocabulary()
    means = known.means(word)
    broader = next((up.title for one in means[:1] for up in known.above(one.key)), None)
    return {"word": word, "kind": "vocabulary", "broader": broader}
