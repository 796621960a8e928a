"""Opens a folder, zip, tar or single image, finds out the labels, and yields what it holds one by one.

Nothing is ever written to disk: members come out as bytes, what cannot be read comes out as a problem with
its reason, and only an archive that is unsafe as a whole stops the reading.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gallery.errors import NotFoundError
from gallery.ingest.sources import file_kinds
from gallery.ingest.sources.file_kinds import HEAD_BYTES, kind_of
from gallery.ingest.sources.folders import FileSource, FolderSource
from gallery.ingest.sources.label_tables import (
    MOST_BYTES,
    MOST_TABLES,
    LabelTables,
    may_hold_labels,
    read_tables,
)
from gallery.ingest.sources.labels import NEAREST, NONE, FolderLabel, FolderLabels
from gallery.ingest.sources.member_names import INSIDE, kind_left_out, parts
from gallery.ingest.sources.members import (
    ArchiveLimits,
    ArchiveMember,
    ArchiveProblem,
    ArchiveSource,
    Entry,
    Source,
    UnreadableEntryError,
)
from gallery.ingest.sources.tars import TarSource
from gallery.ingest.sources.zips import ZipSource

TABLES = "tables of labels"
SHOWN = 10  # labels that are told by name


@dataclass(frozen=True)
class ReadOptions:
    """How a source is read: what makes the labels, the encoding of old zip names, whether links are followed.

    `name` is what a single image is called that was given in place of an archive.
    """

    labels: str = NEAREST
    zip_encoding: str = ""
    follow_links: bool = False
    name: str = ""


@dataclass
class Contents:
    """What a source holds: iterated, it reads one file after the other.

    `names` are those of all its files but those left out, which `left_out` counts by kind; `labels` counts
    the images by what their label will be, `splits` by their split; `notes` are sentences for people.
    """

    noun: str
    total: int
    members: Iterator[ArchiveMember | ArchiveProblem] = field(repr=False)
    names: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[ArchiveMember | ArchiveProblem]:
        return self.members

    def keep_only(self, names: set[str]) -> None:
        """Read only the files of these names."""
        self.members = (member for member in self.members if member.name in names)
        self.total = len(names)

    def as_result(self) -> dict[str, object]:
        """Return what a job's result says of it: files left out by kind, and notes."""
        told = {"left_out": self.left_out, "notes": self.notes}
        return {name: value for name, value in told.items() if value}

    def labels_in_words(self) -> str:
        """Return what labels and splits the images will have, the most frequent first, as a sentence."""
        count = len(self.names)
        labelled = _most({label: images for label, images in self.labels.items() if label})
        without = self.labels.get("", 0)
        said = [f"labels {labelled}"] if labelled else []
        said += [f"{without:,} without a label"] if without else []
        said += [f"splits {_most(self.splits)}"] if self.splits else []
        return f"{count:,} {'file' if count == 1 else 'files'} to read: {'; '.join(said)}." if said else ""

    def left_out_in_words(self) -> str:
        """Return what was left out, as a part of a sentence; "" for nothing."""
        kinds = ", ".join(f"{kind} ({count:,})" for kind, count in self.left_out.items())
        return f"left out: {kinds}" if kinds else ""


def _most(counts: Mapping[str, int]) -> str:
    """The most frequent of some, with their numbers."""
    listed = sorted(counts.items(), key=lambda one: -one[1])
    more = f" and {len(listed) - SHOWN:,} more" if len(listed) > SHOWN else ""
    return ", ".join(f"{name} ({count:,})" for name, count in listed[:SHOWN]) + more


@contextmanager
def opened(
    source: ArchiveSource, limits: ArchiveLimits, options: ReadOptions | None = None
) -> Iterator[Contents]:
    """Open a folder, archive or image, by its path or as an open binary file.

    Raises: NotFoundError, UnsafeArchiveError, UnknownEncodingError.
    """
    options = options or ReadOptions()
    reader = _source(source, limits, options)
    try:
        yield _contents(reader, limits, options)
    finally:
        reader.close()


def _source(source: ArchiveSource, limits: ArchiveLimits, options: ReadOptions) -> Source:
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if path.is_dir():
            return FolderSource(path, follow_links=options.follow_links)
        if not path.is_file():
            raise NotFoundError(f"there is no folder or archive {path}")
        with path.open("rb") as file:
            file_kinds.check(file)
            head = file.read(HEAD_BYTES)
        name = options.name or path.name
    else:
        file_kinds.check(source)
        source.seek(0)
        head, name = source.read(HEAD_BYTES), options.name
    kind = kind_of(head)
    if kind in ("tar", "tar.gz"):
        return TarSource(source, limits, packed=kind == "tar.gz")
    # a zip may begin with anything, as those that unpack themselves
    if kind == "image":
        return FileSource(source, name or "image")
    return ZipSource(source, limits, options.zip_encoding)


def _contents(source: Source, limits: ArchiveLimits, options: ReadOptions) -> Contents:
    listing = source.listing()
    readable = [entry for entry in listing.entries if entry.reason is None]
    by_folder = FolderLabels(
        {parts(entry.name)[:-1] for entry in readable}, options.labels, wrapped=source.wrapped
    )
    of_folders = {entry.name: by_folder(parts(entry.name)[:-1]) for entry in readable}
    tables = LabelTables()
    if options.labels != NONE:
        tables = _tables(source, listing.side_files, of_folders)
    left_out = listing.left_out
    if tables.used:
        for name in tables.used:
            left_out[str(kind_left_out(name))] -= 1
        left_out[TABLES] += len(tables.used)
    found = {entry.name: _labelled(entry.name, of_folders[entry.name], tables) for entry in readable}
    return Contents(
        noun=source.noun,
        total=len(listing.entries),
        names=[entry.name for entry in listing.entries],
        left_out={kind: count for kind, count in left_out.items() if count},
        labels=dict(Counter(one.labels[0] if one.labels else "" for one in found.values())),
        splits=dict(Counter(one.split for one in found.values() if one.split)),
        notes=[*listing.notes, *tables.notes],
        members=_members(source, listing.entries, found, limits),
    )


def _tables(source: Source, side_files: list[Entry], images: dict[str, FolderLabel]) -> LabelTables:
    """Read the tables of labels among the files that are no images."""
    tables = {entry.name: entry for entry in side_files if may_hold_labels(entry.name)}
    names = sorted(tables, key=lambda name: (len(parts(name)), name))[:MOST_TABLES]
    notes: list[str] = []

    def read(name: str) -> bytes:
        try:
            return source.read(tables[name], MOST_BYTES)
        except UnreadableEntryError as error:
            notes.append(f"{name} may hold labels and was not read: {error.detail}.")
            return b""

    found = read_tables(names, read, list(images), {one.label for one in images.values()})
    found.notes += notes
    return found


@dataclass(frozen=True)
class _Labelled:
    """What an image is known by: its labels, the first its category, its split, and metadata as JSON."""

    labels: tuple[str, ...]
    split: str
    metadata: str


def _labelled(name: str, of_folder: FolderLabel, tables: LabelTables) -> _Labelled:
    of_table = tables.labels.get(name)
    of_folders = (tables.named(of_folder.label),) if of_folder.label else ()
    metadata = tables.metadata.get(name, "")
    return _Labelled(of_folders if of_table is None else of_table, of_folder.split, metadata)


def _members(
    source: Source, entries: list[Entry], found: dict[str, _Labelled], limits: ArchiveLimits
) -> Iterator[ArchiveMember | ArchiveProblem]:
    for entry in entries:
        if entry.reason is not None:
            yield ArchiveProblem(entry.name, entry.reason)
            continue
        try:
            data = source.read(entry, limits.max_entry_bytes)
        except UnreadableEntryError as error:
            yield ArchiveProblem(entry.name, error.detail)
            continue
        if data.startswith(b"PK\x03\x04") or data[257:262] == b"ustar":
            yield ArchiveProblem(entry.name, INSIDE)
            continue
        known = found[entry.name]
        category, *further = known.labels or ("",)
        metadata = json.loads(known.metadata) if known.metadata else {}
        yield ArchiveMember(entry.name, category, data, tuple(further), known.split, metadata)
