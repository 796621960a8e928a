"""What every source of images shows of itself: a list of its entries, and their bytes one by one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol, TypeAlias

from gallery.errors import SemsearchError

ArchiveSource: TypeAlias = str | os.PathLike[str] | BinaryIO


@dataclass(frozen=True)
class ArchiveLimits:
    """The largest source that is read, in entries and in bytes, unpacked."""

    max_entries: int = 200_000
    max_entry_bytes: int = 50 * 2**20
    max_total_bytes: int = 50 * 2**30


@dataclass(frozen=True)
class ArchiveMember:
    """One file that was read: its name with folders, its category ("" for none) and its bytes.

    `further` are more categories of it, `split` the part of a dataset that it belongs to, as "train", and
    `metadata` what else a table says of it.
    """

    name: str
    category: str
    data: bytes
    further: tuple[str, ...] = ()
    split: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class ArchiveProblem:
    """One file that was not read, and why."""

    name: str
    reason: str


class UnreadableEntryError(SemsearchError):
    """An entry of a source cannot be read, for the reason given."""

    code = "skipped"


@dataclass(frozen=True)
class Entry:
    """One file in the list of contents: its name with slashes, and why it is not read, if so.

    `key` is what its source finds it by.
    """

    name: str
    reason: str | None
    key: Any = None


@dataclass
class Listing:
    """The list of contents of a source.

    `left_out` counts by kind the files that are no images, as those of an operating system; `side_files` are
    those of them that may hold labels. `notes` are sentences for whoever imports.
    """

    entries: list[Entry] = field(default_factory=list)
    side_files: list[Entry] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


class Source(Protocol):
    """A folder, an archive or a single image."""

    noun: str  # what people call it, "zip file"
    wrapped: bool  # whether one folder around everything is the source's own name

    def listing(self) -> Listing:
        """Return what it holds. Raises: UnsafeArchiveError."""
        ...

    def read(self, entry: Entry, max_bytes: int) -> bytes:
        """Return the bytes of an entry. Raises: UnreadableEntryError."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...
