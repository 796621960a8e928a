"""Reading a zip file or a folder of pictures so that it cannot escape, explode or overlap.

Nothing is ever written to disk: members come out one by one as bytes, what cannot be read comes out as a
problem with its reason, and only an archive that is unsafe as a whole stops the reading.
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from gallery.errors import NotFoundError, UnsafeArchiveError
from gallery.ingest.member_names import (
    INSIDE,
    is_archive,
    is_hidden,
    is_side_file,
    name_problem,
    parts,
    printable,
)
from gallery.ingest.zip_structure import check_entry_count, check_no_overlap

ArchiveSource: TypeAlias = str | os.PathLike[str] | BinaryIO

_ENCRYPTED = 0x1 | 0x40 | 0x2000

# What `zipfile` is known to raise on hostile or damaged archives.
_DAMAGE = (
    BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    RuntimeError,
    LookupError,
)


@dataclass(frozen=True)
class ArchiveLimits:
    """The largest archive that is read; `max_ratio` is unpacked over packed size of one entry."""

    max_entries: int = 200_000
    max_entry_bytes: int = 50 * 2**20
    max_total_bytes: int = 50 * 2**30
    max_ratio: int = 200


@dataclass(frozen=True)
class ArchiveMember:
    """One file that was read: its name with folders, its category ("" for none) and its bytes."""

    name: str
    category: str
    data: bytes


@dataclass(frozen=True)
class ArchiveProblem:
    """One file that was not read, and why."""

    name: str
    reason: str


def read_archive(source: ArchiveSource, limits: ArchiveLimits) -> Iterator[ArchiveMember | ArchiveProblem]:
    """Check a zip file (path or open binary file) at once, then yield what it holds one by one.

    The category is the folder directly holding the file; a single folder around everything is none.

    Raises: NotFoundError, UnsafeArchiveError.
    """
    archive = _open_archive(source, limits)
    return _members(archive, limits)


def read_folder(
    path: str | os.PathLike[str], limits: ArchiveLimits
) -> Iterator[ArchiveMember | ArchiveProblem]:
    """Yield the files below a folder in order of name; the category is the first folder below it.

    Symbolic links are not followed. Raises: NotFoundError.
    """
    root = _existing_folder(path)
    return (_folder_item(root, found, limits) for found in _walk(root))


def count_members(source: ArchiveSource, limits: ArchiveLimits | None = None) -> int:
    """Count what `read_archive` or `read_folder` would yield, members and problems, without reading it.

    Raises: NotFoundError, UnsafeArchiveError.
    """
    if isinstance(source, (str, os.PathLike)) and Path(source).is_dir():
        return sum(1 for _ in _walk(Path(source)))
    archive = _open_archive(source, limits or ArchiveLimits())
    with archive:
        return sum(1 for entry in archive.infolist() if _is_listed(entry))


def _open_archive(source: ArchiveSource, limits: ArchiveLimits) -> ZipFile:
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if not path.is_file():
            raise NotFoundError(f"there is no zip file {path}")
        with path.open("rb") as file:
            check_entry_count(file, limits.max_entries)
    else:
        check_entry_count(source, limits.max_entries)
    try:
        archive = ZipFile(source)
    except _DAMAGE as error:
        raise UnsafeArchiveError(f"the zip file cannot be read ({error}): make it again") from error
    try:
        _check_whole(archive, limits)
    except BaseException:
        archive.close()
        raise
    return archive


def _check_whole(archive: ZipFile, limits: ArchiveLimits) -> None:
    entries = archive.infolist()
    if len(entries) > limits.max_entries:
        raise UnsafeArchiveError(f"the zip file has more than {limits.max_entries} entries: split it")
    try:
        check_no_overlap(archive)
    except _DAMAGE as error:
        raise UnsafeArchiveError(f"the zip file cannot be read ({error}): make it again") from error
    # No entry is read past its stated size, so the stated sizes bound what all of them can give.
    total_bytes = sum(entry.file_size for entry in entries if entry.file_size <= limits.max_entry_bytes)
    if total_bytes > limits.max_total_bytes:
        raise UnsafeArchiveError(
            f"the zip file unpacks to {total_bytes} bytes; at most {limits.max_total_bytes} are read: "
            "split it"
        )


def _members(archive: ZipFile, limits: ArchiveLimits) -> Iterator[ArchiveMember | ArchiveProblem]:
    with archive:
        listed = [entry for entry in archive.infolist() if _is_listed(entry)]
        around = _folder_around(listed)
        seen: set[tuple[str, ...]] = set()
        for entry in listed:
            name = entry.orig_filename
            reason = name_problem(name) or _entry_problem(entry, limits)
            if reason is None and parts(name) in seen:
                reason = "a file of this name came before in the archive"
            if reason is not None:
                yield ArchiveProblem(printable(name), reason)
                continue
            seen.add(parts(name))
            yield _read_entry(archive, entry, around)


def _read_entry(archive: ZipFile, entry: ZipInfo, around: str | None) -> ArchiveMember | ArchiveProblem:
    name = entry.orig_filename
    try:
        with archive.open(entry) as file:
            # Never `read()` without a bound: it unpacks all there is before it looks at the stated size.
            data = file.read(entry.file_size + 1)
    except _DAMAGE as error:
        return ArchiveProblem(name, f"damaged in the archive ({error}): pack it again")
    if len(data) != entry.file_size:
        return ArchiveProblem(name, "damaged in the archive: its size is not the stated one, pack it again")
    folders = parts(name)[:-1]
    if folders == (around,):
        folders = ()
    return _member_or_archive(name, folders[-1] if folders else "", data)


def _member_or_archive(name: str, category: str, data: bytes) -> ArchiveMember | ArchiveProblem:
    if data.startswith(b"PK\x03\x04") or data[257:262] == b"ustar":
        return ArchiveProblem(name, INSIDE)
    return ArchiveMember(name, category, data)


def _is_listed(entry: ZipInfo) -> bool:
    return not entry.orig_filename.endswith("/") and not is_side_file(entry.orig_filename)


def _folder_around(entries: list[ZipInfo]) -> str | None:
    """The one top folder that holds every ordinary file, or None."""
    tops = {
        parts(entry.orig_filename)[:-1][:1] for entry in entries if name_problem(entry.orig_filename) is None
    }
    only = tops.pop() if len(tops) == 1 else ()
    return only[0] if only else None


def _entry_problem(entry: ZipInfo, limits: ArchiveLimits) -> str | None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "symbolic link: not followed"
    if kind not in (0, stat.S_IFREG):
        return "not an ordinary file"
    if entry.flag_bits & _ENCRYPTED:
        return "encrypted: pack it without a password"
    # Deflate unpacks piece by piece; bzip2 and LZMA can take gigabytes for a few bytes.
    if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return "unsupported compression: pack it with the usual method (deflate)"
    if entry.file_size == 0:
        return "the file is empty"
    if entry.file_size > limits.max_entry_bytes:
        return f"too large: {entry.file_size} bytes, at most {limits.max_entry_bytes} are read"
    if entry.file_size > limits.max_ratio * max(entry.compress_size, 1):
        return f"unpacks to more than {limits.max_ratio} times its size, as in a zip bomb"
    return None


def _existing_folder(path: str | os.PathLike[str]) -> Path:
    root = Path(path)
    if not root.is_dir():
        raise NotFoundError(f"there is no folder {root}")
    return root


@dataclass(frozen=True)
class _Found:
    """A file below a folder: where it is, and why it is not to be read, if so."""

    path: Path
    reason: str | None


def _walk(folder: Path) -> Iterator[_Found]:
    """Yield what is below a folder in order of name, opening no file; hidden folders are one find."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        yield _Found(folder, f"the folder cannot be read: {error.strerror}")
        return
    for entry in entries:
        path = Path(entry.path)
        if is_hidden(entry.name):
            yield _Found(path, "hidden or system file")
        elif entry.is_symlink():
            yield _Found(path, "symbolic link: not followed")
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(path)
        elif not is_side_file(entry.name):
            yield _Found(path, _file_problem(entry))


def _file_problem(entry: os.DirEntry[str]) -> str | None:
    if not entry.is_file(follow_symlinks=False):
        return "not an ordinary file"
    if is_archive(entry.name):
        return INSIDE
    return None


def _folder_item(root: Path, found: _Found, limits: ArchiveLimits) -> ArchiveMember | ArchiveProblem:
    relative = found.path.relative_to(root)
    name = printable(relative.as_posix())
    if found.reason is not None:
        return ArchiveProblem(name, found.reason)
    try:
        # Opened without following or waiting, should the file have become a link or a pipe since.
        with open(os.open(found.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return ArchiveProblem(name, "not an ordinary file")
            data = file.read(limits.max_entry_bytes + 1)
    except OSError as error:
        return ArchiveProblem(name, f"the file cannot be read: {error.strerror}")
    if not data:
        return ArchiveProblem(name, "the file is empty")
    if len(data) > limits.max_entry_bytes:
        return ArchiveProblem(name, f"too large: at most {limits.max_entry_bytes} bytes are read")
    category = printable(relative.parts[0]) if len(relative.parts) > 1 else ""
    return _member_or_archive(name, category, data)
