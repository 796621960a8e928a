"""Reads tar files, packed by gzip or not, so that they cannot escape or explode."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from gallery.errors import UnsafeArchiveError
from gallery.ingest.sources.member_names import SYSTEM, kind_left_out, name_problem, parts, printable
from gallery.ingest.sources.members import ArchiveLimits, ArchiveSource, Entry, Listing, UnreadableEntryError

# What `tarfile` and `gzip` are known to raise on hostile or damaged archives.
_DAMAGE = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, OverflowError, LookupError)
# `tarfile` reads a header in one piece, however long the file says it is, and keeps its texts
_LONGEST_READ = 64 * 2**20
_LONGEST_HEADER = 2**20
_HEADER_BYTES_A_FILE = 2048  # a name in Unicode takes one


class TarSource:
    """A tar file, or one packed by gzip; nothing of it is ever written to disk."""

    noun = "tar file"
    wrapped = True

    def __init__(self, source: ArchiveSource, limits: ArchiveLimits, *, packed: bool) -> None:
        """Open the file. Raises: UnsafeArchiveError."""
        self._limits = limits
        self._open = ExitStack()
        try:
            self._archive = self._opened(source, packed=packed)
        except _DAMAGE as error:
            self.close()
            raise UnsafeArchiveError(f"the tar file cannot be read ({error}): make it again") from error

    def listing(self) -> Listing:
        """Return what it holds. Raises: UnsafeArchiveError, of a damaged one as well."""
        found = Listing()
        seen: set[tuple[str, ...]] = set()
        total_bytes = 0
        try:
            for count, member in enumerate(self._archive, start=1):
                # what it says was taken over; only it would be kept until the end
                member.pax_headers = {}
                if count > self._limits.max_entries:
                    raise UnsafeArchiveError(
                        f"the tar file has more than {self._limits.max_entries:,} entries "
                        "(MAX_ARCHIVE_MEMBERS): split it"
                    )
                total_bytes += member.size
                if total_bytes > self._limits.max_total_bytes:
                    raise UnsafeArchiveError(self._too_much())
                self._list(member, found, seen)
        except _DAMAGE as error:
            raise UnsafeArchiveError(f"the tar file cannot be read ({error}): make it again") from error
        self._bounded.only_headers = False
        return found

    def read(self, entry: Entry, max_bytes: int) -> bytes:
        """Return the bytes of an entry. Raises: UnreadableEntryError."""
        member: tarfile.TarInfo = entry.key
        try:
            file = self._archive.extractfile(member)
            data = file.read(min(member.size, max_bytes) + 1) if file else b""
        except (*_DAMAGE, UnsafeArchiveError) as error:
            raise UnreadableEntryError(f"damaged in the archive ({error}): pack it again") from error
        if len(data) != member.size:
            raise UnreadableEntryError("damaged in the archive: it ends too early, pack it again")
        return data

    def close(self) -> None:
        """Close what was opened here."""
        self._open.close()

    def _opened(self, source: ArchiveSource, *, packed: bool) -> tarfile.TarFile:
        if isinstance(source, (str, os.PathLike)):
            opened = Path(source).open("rb")  # noqa: SIM115  closed by the stack
            file: BinaryIO = self._open.enter_context(opened)
        else:
            file = source
            file.seek(0)
        if packed:
            file = cast(BinaryIO, self._open.enter_context(gzip.GzipFile(fileobj=file, mode="rb")))
        self._bounded = _Bounded(file, self._limits, self._too_much())
        # read as UTF-8, which is what systems write by now; other bytes come out as they are
        return self._open.enter_context(
            tarfile.open(
                fileobj=cast(BinaryIO, self._bounded), mode="r:", encoding="utf-8", errors="surrogateescape"
            )
        )

    def _list(self, member: tarfile.TarInfo, found: Listing, seen: set[tuple[str, ...]]) -> None:
        name = member.name.replace("\\", "/")
        if member.isdir():
            return
        if kind := kind_left_out(name):
            found.left_out[kind] += 1
            if kind != SYSTEM and name_problem(name) is None and self._problem(member) is None:
                found.side_files.append(Entry(printable(name), None, member))
            return
        reason = name_problem(name) or self._problem(member)
        if reason is None and parts(name) in seen:
            reason = "a file of this name came before in the archive"
        if reason is None:
            seen.add(parts(name))
        found.entries.append(Entry(printable(name), reason, member))

    def _problem(self, member: tarfile.TarInfo) -> str | None:
        if member.issym():
            return "symbolic link: not followed"
        if member.islnk():
            return "a second name of another file of the archive: not followed"
        if not member.isreg():
            return "not an ordinary file"
        if member.size == 0:
            return "the file is empty"
        most = self._limits.max_entry_bytes
        if member.size > most:
            return f"too large: {member.size:,} bytes, at most {most:,} are read (MAX_PICTURE_BYTES)"
        return None

    def _too_much(self) -> str:
        most = self._limits.max_total_bytes
        return f"the tar file unpacks to more than the {most:,} bytes of MAX_ARCHIVE_BYTES: split it"


class _Bounded(io.RawIOBase):
    """A file of which no more than so many bytes are read, and no piece that is larger than memory.

    While `only_headers` are read, pieces are smaller, and all together bounded.
    """

    def __init__(self, file: BinaryIO, limits: ArchiveLimits, why: str) -> None:
        self._file, self._why = file, why
        self._most = limits.max_total_bytes + _LONGEST_READ
        self.only_headers = True
        self._headers_left = _HEADER_BYTES_A_FILE * limits.max_entries

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        """Read. Raises: UnsafeArchiveError."""
        if size < 0 or size > _LONGEST_READ or self._file.tell() + size > self._most:
            raise UnsafeArchiveError(self._why)
        if self.only_headers and size > tarfile.BLOCKSIZE:
            self._headers_left -= size
            if size > _LONGEST_HEADER or self._headers_left < 0:
                raise UnsafeArchiveError(
                    "names and attributes of files in the tar file are too long: make it again without them"
                )
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; in a packed file all before it is unpacked. Raises: UnsafeArchiveError."""
        if whence != io.SEEK_SET or offset > self._most:
            raise UnsafeArchiveError(self._why)
        return self._file.seek(offset)
