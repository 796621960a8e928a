"""The label of an image by the folders that it is in: one rule for folders, archives and uploads."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

NEAREST: Final = "nearest"
FIRST: Final = "first"
PATH: Final = "path"
NONE: Final = "none"
MODES = (NEAREST, FIRST, PATH, NONE)
IN_WORDS = (
    (NEAREST, "the nearest folder"),
    (FIRST, "the first folder"),
    (PATH, "the path of folders"),
    (NONE, "none"),
)

RULE = (
    "The label of an image is the folder that it is in. A single folder around everything is no label, nor "
    "are train, val and test, which are kept as the split. A table (labels.csv, metadata.csv or .jsonl, COCO "
    "annotations) goes before folders."
)

Folders = tuple[str, ...]

_SPLIT = re.compile(
    r"(?:(train|training|trn)|(val|valid|validation|dev)|(test|testing|tst|eval|evaluation|holdout))"
    r"(?:[-_ ]?(?:set|data|images?|imgs|split|\d{4}))?",
    re.IGNORECASE,
)
_SPLITS = ("train", "val", "test")
SPLITS_WITHIN = 5  # folders, from the top: below these a "train" is a category
# around everything, they say only that there are images in them
_CONTAINERS = frozenset({
    "image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "jpegimages", "data",
    "dataset",
})  # fmt: skip


@dataclass(frozen=True)
class FolderLabel:
    """What the folders of an image say: its label, "" for none, and its split, "" for none."""

    label: str
    split: str


class FolderLabels:
    """The labels of the images of one source, by all the folders that hold any."""

    def __init__(self, folders: Iterable[Folders], mode: str = NEAREST, *, wrapped: bool = True) -> None:
        """Look at all folders that hold an image; `wrapped` where the first may be the source's own name."""
        every = set(folders)
        self.mode = mode
        first = _shared(every) if wrapped else None
        self._depth = 1 if first is not None and split_of(first) is None else 0
        self._splits = _split_folders({path[self._depth :] for path in every})
        self._containers: Folders = ()
        rests = {self._without_splits(path[self._depth :])[0] for path in every}
        while (first := _shared(rests)) is not None and (
            first.lower() in _CONTAINERS or all(len(rest) > 1 for rest in rests)
        ):
            self._containers += (first,)
            rests = {rest[1:] for rest in rests}

    def __call__(self, folders: Folders) -> FolderLabel:
        """Return the label and the split of an image in these folders."""
        rest, split = self._without_splits(folders[self._depth :])
        if self.mode == NONE:
            return FolderLabel("", split)
        inner = rest[len(self._containers) :]
        if not inner:
            return FolderLabel("", split)
        labels = {NEAREST: inner[-1], FIRST: inner[0], PATH: "/".join(inner)}
        return FolderLabel(labels[self.mode], split)

    def _without_splits(self, path: Folders) -> tuple[Folders, str]:
        kept: list[str] = []
        split = ""
        for depth, name in enumerate(path[:SPLITS_WITHIN]):
            if name in self._splits.get(path[:depth], ()):
                split = split or (split_of(name) or "")
            else:
                kept.append(name)
        return (*kept, *path[SPLITS_WITHIN:]), split


def split_of(name: str) -> str | None:
    """Return which split a folder or a word is, "train", "val" or "test"; None for any other."""
    found = _SPLIT.fullmatch(name)
    return (
        next(split for split, group in zip(_SPLITS, found.groups(), strict=True) if group) if found else None
    )


def _split_folders(every: set[Folders]) -> dict[Folders, set[str]]:
    """Return which folders within each folder are splits.

    They are where two different ones stand side by side, or where nothing else is at their depth: a single
    "train" among other folders is a category of vehicles.
    """
    splits: dict[Folders, set[str]] = defaultdict(set)
    others: set[int] = set()  # depths at which something else is
    for path in every:
        for depth, name in enumerate(path[:SPLITS_WITHIN]):
            if split_of(name) is None:
                others.add(depth)
            else:
                splits[path[:depth]].add(name)
    everywhere = min(map(len, every), default=0)  # so many folders all paths have
    return {
        folder: names
        for folder, names in splits.items()
        if (len(folder) < everywhere and len(folder) not in others)
        or len({split_of(name) for name in names}) > 1
    }


def _shared(paths: set[Folders]) -> str | None:
    """The first folder of all paths, where they have one and the same."""
    tops = {path[:1] for path in paths}
    only = next(iter(tops)) if len(tops) == 1 else ()
    return only[0] if only else None
