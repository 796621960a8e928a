"""Reads zip files so that they cannot escape, explode or overlap, whichever system wrote their names."""

from __future__ import annotations

import os
import stat
import struct
import zlib
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from gallery.errors import NotFoundError, SemsearchError, UnsafeArchiveError
from gallery.ingest.sources import name_encoding
from gallery.ingest.sources.member_names import SYSTEM, kind_left_out, name_problem, parts, printable
from gallery.ingest.sources.members import ArchiveLimits, ArchiveSource, Entry, Listing, UnreadableEntryError
from gallery.ingest.sources.zip_structure import check_entry_count, check_no_overlap

_ENCRYPTED = 0x1 | 0x40 | 0x2000
_UTF8 = 0x800
_UNICODE_PATH = 0x7075  # the extra field with the name in UTF-8, of Info-ZIP
_BOMB_RATIO = 200  # unpacked over packed size, of what is too large anyway

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


class UnknownEncodingError(SemsearchError):
    """The encoding that was asked for does not exist."""

    code = "unknown_encoding"


class ZipSource:
    """A zip file; nothing of it is ever written to disk."""

    noun = "zip file"
    wrapped = True

    def __init__(self, source: ArchiveSource, limits: ArchiveLimits, encoding: str = "") -> None:
        """Check the file as a whole. Raises: NotFoundError, UnsafeArchiveError, UnknownEncodingError."""
        self._limits = limits
        self._encoding = encoding
        try:
            b"name".decode(encoding or "utf-8")
        except LookupError as error:
            raise UnknownEncodingError(
                f"There is no encoding {encoding!r}; cp437, cp850, cp1252 and cp932 are some."
            ) from error
        self._archive = _opened(source, limits)

    def listing(self) -> Listing:
        """Return what it holds; a folder of its own is no entry."""
        found = Listing()
        seen: set[tuple[str, ...]] = set()
        for entry, name in self._named(found):
            if name.endswith("/") or _is_folder(entry):
                continue
            if kind := kind_left_out(name):
                found.left_out[kind] += 1
                if kind != SYSTEM and name_problem(name) is None and not _entry_problem(entry, self._limits):
                    found.side_files.append(Entry(printable(name), None, entry))
                continue
            reason = name_problem(name) or _entry_problem(entry, self._limits)
            if reason is None and parts(name) in seen:
                reason = "a file of this name came before in the archive"
            if reason is None:
                seen.add(parts(name))
            found.entries.append(Entry(printable(name), reason, entry))
        return found

    def read(self, entry: Entry, max_bytes: int) -> bytes:
        """Return the bytes of an entry. Raises: UnreadableEntryError."""
        info: ZipInfo = entry.key
        try:
            with self._archive.open(info) as file:
                # Never `read()` without a bound: it unpacks all there is before it looks at the stated size.
                data = file.read(min(info.file_size, max_bytes) + 1)
        except _DAMAGE as error:
            raise UnreadableEntryError(f"damaged in the archive ({error}): pack it again") from error
        if len(data) != info.file_size:
            raise UnreadableEntryError(
                "damaged in the archive: its size is not the stated one, pack it again"
            )
        return data

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def _named(self, found: Listing) -> list[tuple[ZipInfo, str]]:
        """Return each entry with its name, separated by slashes; says which encoding was guessed."""
        entries = self._archive.infolist()
        old = {raw for entry in entries if (raw := _raw_name(entry)) is not None and not raw.isascii()}
        encoding = self._encoding or (name_encoding.guess(old) if old else "utf-8")
        if old and not self._encoding and encoding != "utf-8":
            found.notes.append(
                f"The zip file does not say how its names are written; they were read as {encoding}. "
                "--zip-encoding names another encoding."
            )
        return [(entry, _name(entry, encoding).replace("\\", "/")) for entry in entries]


def _raw_name(entry: ZipInfo) -> bytes | None:
    """The bytes of a name of unknown encoding, None of one that says what it is."""
    if entry.flag_bits & _UTF8 or _unicode_name(entry) is not None:
        return None
    # as `zipfile` reads what has no flag
    return entry.orig_filename.encode("cp437", "replace")


def _name(entry: ZipInfo, encoding: str) -> str:
    raw = _raw_name(entry)
    if raw is not None:
        return name_encoding.decoded(raw, encoding)
    return _unicode_name(entry) or entry.orig_filename


def _unicode_name(entry: ZipInfo) -> str | None:
    """The name in the extra field for it, where that belongs to the name that is there."""
    extra, at = entry.extra, 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        body = extra[at + 4 : at + 4 + length]
        if kind == _UNICODE_PATH and len(body) > 5 and body[0] == 1:
            raw = entry.orig_filename.encode("cp437", "replace")
            if struct.unpack_from("<L", body, 1)[0] == zlib.crc32(raw):
                return body[5:].decode("utf-8", "replace")
        at += 4 + length
    return None


def _opened(source: ArchiveSource, limits: ArchiveLimits) -> ZipFile:
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
        raise UnsafeArchiveError(
            f"the zip file has more than {limits.max_entries:,} entries (MAX_ARCHIVE_MEMBERS): split it"
        )
    try:
        check_no_overlap(archive)
    except _DAMAGE as error:
        raise UnsafeArchiveError(f"the zip file cannot be read ({error}): make it again") from error
    # No entry is read past its stated size, so the stated sizes bound what all of them can give.
    total_bytes = sum(entry.file_size for entry in entries if entry.file_size <= limits.max_entry_bytes)
    if total_bytes > limits.max_total_bytes:
        raise UnsafeArchiveError(
            f"the zip file unpacks to {total_bytes:,} bytes; at most {limits.max_total_bytes:,} are read "
            "(MAX_ARCHIVE_BYTES): split it"
        )


def _is_folder(entry: ZipInfo) -> bool:
    """Whether an entry is a folder by its attributes, those of Unix or of MS-DOS, whatever its name is."""
    of_unix = stat.S_ISDIR(entry.external_attr >> 16)
    of_dos = bool(entry.external_attr & 0x10) and not entry.external_attr >> 16
    return entry.file_size == 0 and (of_unix or of_dos)


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
    # A mask of one colour packs a thousandfold: below the size of one image the ratio says nothing.
    if entry.file_size > limits.max_entry_bytes:
        large = f"too large: {entry.file_size:,} bytes, at most {limits.max_entry_bytes:,} are read"
        bomb = entry.file_size > _BOMB_RATIO * max(entry.compress_size, 1)
        return f"{large}, and packed as in a zip bomb" if bomb else f"{large} (MAX_PICTURE_BYTES)"
    return None
