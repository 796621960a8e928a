"""What the gallery's kinds of job return."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class ImportResult(TypedDict):
    """What an import did.

    `splits`, `reasons`, `unlisted` and `left_out` count by name: images by their split, files that could not
    be used by reason and, those that are not listed, by code of error, and files left out by kind. `moved` to
    `gone` count files of a source that was imported before. `embeddings` and `engine` are there where
    features were made meanwhile.
    """

    images: int
    duplicates: int
    failed: int
    splits: NotRequired[dict[str, int]]
    reasons: NotRequired[dict[str, int]]
    unlisted: NotRequired[dict[str, int]]
    left_out: NotRequired[dict[str, int]]
    notes: NotRequired[list[str]]
    moved: NotRequired[int]
    relabelled: NotRequired[int]
    unchanged: NotRequired[int]
    replaced: NotRequired[int]
    removed: NotRequired[int]
    gone: NotRequired[int]
    embeddings: NotRequired[int]
    engine: NotRequired[str]


class RemovalResult(TypedDict):
    """Which dataset was removed, and how many images it had."""

    dataset: str
    images: int
