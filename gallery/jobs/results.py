"""What the gallery's kinds of job return."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class ImportResult(TypedDict):
    """What an import did; `embeddings` and `engine` where features were made meanwhile."""

    images: int
    duplicates: int
    failed: int
    unlisted: NotRequired[dict[str, int]]
    embeddings: NotRequired[int]
    engine: NotRequired[str]


class RemovalResult(TypedDict):
    """Which dataset was removed, and how many images it had."""

    dataset: str
    images: int
