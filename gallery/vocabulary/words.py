"""Words and their meanings: what a word says, what lies below it, and which words are near one."""

from __future__ import annotations

import difflib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parent / "imagenet.json"
# WordNet's rules of detachment for nouns, morphy(7WN)
_ENDINGS = (
    ("s", ""), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("men", "man"),
    ("ies", "y"), ("es", ""),
)  # fmt: skip
NEAREST = 5


@dataclass(frozen=True)
class Meaning:
    """A meaning of WordNet; `key` is its offset there, `classes` those of the network that lie in it.

    `classes` are keys of meanings as well. `used` says how often texts have it.
    """

    key: int
    names: tuple[str, ...]
    broader: tuple[int, ...]
    classes: frozenset[int]
    used: int

    @property
    def title(self) -> str:
        """The name that is shown."""
        return self.names[0]


@dataclass(frozen=True)
class Vocabulary:
    """All meanings by key, the network's classes in its order, and which meanings a word has."""

    meanings: dict[int, Meaning]
    classes: tuple[int, ...]
    plurals: dict[str, str]
    by_word: dict[str, tuple[int, ...]] = field(repr=False)

    def means(self, word: str) -> tuple[Meaning, ...]:
        """Return what a word can mean, first what covers most classes; () where it is not known."""
        for form in self.forms(word):
            if keys := self.by_word.get(form):
                return tuple(self.meanings[key] for key in keys)
        return ()

    def forms(self, word: str) -> Iterator[str]:
        """Yield a word as it may stand in a vocabulary: as it is, and what it may be the plural of."""
        plain = plain_word(word)
        yield plain
        head, _, last = plain.rpartition(" ")
        start = f"{head} " if head else ""
        if last in self.plurals:
            yield start + self.plurals[last]
        for ending, instead in _ENDINGS:
            if last.endswith(ending) and len(last) > len(ending) + 1:
                yield start + last.removesuffix(ending) + instead

    def above(self, key: int) -> Iterator[Meaning]:
        """Yield the meanings above one, nearest first, each once."""
        seen = {key}
        level = self.meanings[key].broader
        while level:
            fresh = [up for up in dict.fromkeys(level) if up not in seen]
            seen.update(fresh)
            yield from (self.meanings[up] for up in fresh)
            level = tuple(up for one in fresh for up in self.meanings[one].broader)

    def spelled(self, meaning: Meaning) -> str:
        """Return the title of a meaning, and the one above it where the title alone means another."""
        if self.means(meaning.title)[:1] == (meaning,) or "(" in meaning.title:
            return meaning.title
        return _told_apart(meaning.title, meaning, self.meanings)

    def nearest(self, word: str, others: Iterable[str] = (), count: int = NEAREST) -> list[str]:
        """Return words spelled much as one that is not known, of the vocabulary and of others."""
        plain = plain_word(word)
        known = {plain_word(one): one for one in others}
        found = difflib.get_close_matches(plain, {**self.by_word, **known}, n=2 * count, cutoff=0.7)
        shown = [known.get(one) or one for one in found if "(" not in one]
        return list(dict.fromkeys(shown))[:count]


def unknown_word(word: str, others: Iterable[str] = ()) -> str:
    """Return the sentence that says that a word is not known, with those near it."""
    near = vocabulary().nearest(word, others)
    return f"No vocabulary has the word “{word}”" + (f"; near it: {', '.join(near)}." if near else ".")


def plain_word(word: str) -> str:
    """Return a word in lower case, with spaces for what else stands between its parts."""
    return re.sub(r"[\s_\-]+", " ", word).strip().casefold()


def _told_apart(name: str, meaning: Meaning, meanings: dict[int, Meaning]) -> str:
    return f"{name} ({meanings[meaning.broader[0]].title})" if meaning.broader else name


@cache
def vocabulary() -> Vocabulary:
    """Return the shipped vocabulary; read once a process."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    classes = tuple(table["classes"])
    rows = {key: (tuple(names), tuple(broader), used) for key, names, broader, used in table["synsets"]}
    below: dict[int, set[int]] = defaultdict(set)
    for key in classes:
        level = {key}
        while level:
            for one in level:
                below[one].add(key)
            level = {up for one in level for up in rows[one][1]}
    meanings = {
        key: Meaning(key, names, up, frozenset(below[key]), used) for key, (names, up, used) in rows.items()
    }
    by_word: dict[str, list[int]] = defaultdict(list)
    for one in sorted(meanings.values(), key=lambda each: (-len(each.classes), each.key)):
        for name in one.names:
            for spelled in (name, _told_apart(name, one, meanings)):
                if one.key not in by_word[plain_word(spelled)]:
                    by_word[plain_word(spelled)].append(one.key)
    return Vocabulary(
        meanings, classes, table["plurals"], {word: tuple(keys) for word, keys in by_word.items()}
    )
