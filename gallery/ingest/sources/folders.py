"""Reads the files below a folder, or a single one, following no links unless that is asked for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from gallery.errors import NotFoundError
from gallery.ingest.sources.member_names import (
    INSIDE,
    SYSTEM,
    is_archive,
    is_hidden,
    kind_left_out,
    printable,
)
from gallery.ingest.sources.members import ArchiveSource, Entry, Listing, UnreadableEntryError

_MOST_COUNTED = 10_000  # files of a folder that is left out


class FolderSource:
    """A folder of this machine; `follow_links` reads the ordinary files that symbolic links lead to."""

    noun = "folder"
    wrapped = False  # its own name is no part of the names below it

    def __init__(self, path: str | os.PathLike[str], *, follow_links: bool = False) -> None:
        """Look for the folder. Raises: NotFoundError."""
        self._root = Path(path)
        self._follow = follow_links
        if not self._root.is_dir():
            raise NotFoundError(f"there is no folder {self._root}")

    def listing(self) -> Listing:
        """Return what is below the folder, in order of name, opening no file."""
        found = Listing()
        for entry in self._walk(self._root, found):
            found.entries.append(entry)
        return found

    def read(self, entry: Entry, max_bytes: int) -> bytes:
        """Return the bytes of a file. Raises: UnreadableEntryError."""
        path: Path = entry.key
        try:
            # Opened without following or waiting, should the file have become a link or a pipe since.
            no_links = 0 if self._follow else os.O_NOFOLLOW
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | no_links), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise UnreadableEntryError("not an ordinary file")
                return _bounded(file.read(max_bytes + 1), max_bytes)
        except OSError as error:
            raise UnreadableEntryError(f"the file cannot be read: {error.strerror}") from error

    def close(self) -> None:
        """Nothing is open."""

    def _walk(self, folder: Path, found: Listing) -> Iterator[Entry]:
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield self._entry(folder, f"the folder cannot be read: {error.strerror}")
            return
        for entry in entries:
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                if is_hidden(entry.name):
                    found.left_out[SYSTEM] += _count(path)
                else:
                    yield from self._walk(path, found)
            elif kind := kind_left_out(entry.name):
                found.left_out[kind] += 1
                if kind != SYSTEM:
                    # a table of labels may be among them
                    found.side_files.append(self._entry(path, None))
            else:
                yield self._entry(path, self._problem(entry))

    def _entry(self, path: Path, reason: str | None) -> Entry:
        return Entry(printable(path.relative_to(self._root).as_posix()), reason, path)

    def _problem(self, entry: os.DirEntry[str]) -> str | None:
        if entry.is_symlink():
            if not self._follow:
                return "symbolic link: not followed (--follow-links follows those to files)"
            if not Path(entry.path).exists():
                return "symbolic link: what it leads to is not there"
            if not entry.is_file():
                return "symbolic link: only those to ordinary files are followed"
        elif not entry.is_file(follow_symlinks=False):
            return "not an ordinary file"
        return INSIDE if is_archive(entry.name) else None


class FileSource:
    """A single image that was given in place of an archive."""

    noun = "file"
    wrapped = False

    def __init__(self, source: ArchiveSource, name: str) -> None:
        """Keep the file and the name it came with."""
        self._source, self._name = source, name

    def listing(self) -> Listing:
        """Return the one file."""
        return Listing([Entry(printable(self._name.replace("\\", "/").rpartition("/")[2]), None)])

    def read(self, entry: Entry, max_bytes: int) -> bytes:
        """Return its bytes. Raises: UnreadableEntryError."""
        try:
            if isinstance(self._source, (str, os.PathLike)):
                with Path(self._source).open("rb") as file:
                    return _bounded(file.read(max_bytes + 1), max_bytes)
            self._source.seek(0)
            return _bounded(self._source.read(max_bytes + 1), max_bytes)
        except OSError as error:
            raise UnreadableEntryError(f"the file cannot be read: {error.strerror}") from error

    def close(self) -> None:
        """Nothing is open."""


def _bounded(data: bytes, max_bytes: int) -> bytes:
    if not data:
        raise UnreadableEntryError("the file is empty")
    if len(data) > max_bytes:
        raise UnreadableEntryError(f"too large: at most {max_bytes:,} bytes are read (MAX_PICTURE_BYTES)")
    return data


def _count(folder: Path) -> int:
    """Count the files of a folder that is left out, up to a limit: there may be no end of snapshots."""
    count = 0
    for _, _, files in os.walk(folder):
        count += len(files)
        if count >= _MOST_COUNTED:
            break
    return max(count, 1)
