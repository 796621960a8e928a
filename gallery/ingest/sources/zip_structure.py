"""Checks of a zip file's layout before any entry is read: how many entries, and that none overlap.

Layout after PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory),
4.3.14 to 4.3.16 (end records).
"""

from __future__ import annotations

import struct
from typing import BinaryIO
from zipfile import ZipFile

from gallery.errors import UnsafeArchiveError

_END = struct.Struct("<4s4H2LH")
_END_64_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL_BYTES = 46
_LONGEST_COMMENT_BYTES = 65_535
# of the list of contents, which `zipfile` reads at once: so many for each entry that there may be
_BYTES_AN_ENTRY = 1024


def check_is_zip(file: BinaryIO) -> None:
    """Refuse what no zip file is, and leave the file where it stood. Raises: UnsafeArchiveError."""
    position = file.tell()
    _central_directory(file)
    file.seek(position)


def check_entry_count(file: BinaryIO, max_entries: int) -> None:
    """Count the entries of the central directory without building them, and refuse more than `max_entries`.

    The count that the end record states can lie, so the directory itself is walked: `zipfile` would
    first build an object of some 500 bytes for each entry.

    Raises: UnsafeArchiveError.
    """
    position, end = _central_directory(file)
    if end - position > _BYTES_AN_ENTRY * max_entries:
        raise UnsafeArchiveError("the names and comments in the zip file are too long: make it again")
    count = 0
    file.seek(position)
    while position < end:
        header = file.read(_CENTRAL_BYTES)
        if len(header) < _CENTRAL_BYTES or header[:4] != b"PK\x01\x02":
            raise UnsafeArchiveError("the zip file's list of contents is damaged: make the archive again")
        count += 1
        if count > max_entries:
            raise UnsafeArchiveError(
                f"the zip file has more than {max_entries:,} entries (MAX_ARCHIVE_MEMBERS): split it"
            )
        variable = sum(struct.unpack_from("<3H", header, 28))
        file.seek(variable, 1)
        position += _CENTRAL_BYTES + variable


def check_no_overlap(archive: ZipFile) -> None:
    """Refuse an archive two of whose entries share bytes: the trick of the non-recursive zip bombs.

    Follows the check that CPython has since 3.11.8, but looks at every entry before the first is read.
    See Fifield, "A better zip bomb" (WOOT 2019).

    Raises: UnsafeArchiveError.
    """
    file = archive.fp
    if file is None:
        raise ValueError("the archive is closed")
    entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    if not entries:
        return
    ends = [entry.header_offset for entry in entries[1:]] + [archive.start_dir]
    for entry, end in zip(entries, ends, strict=True):
        file.seek(entry.header_offset)
        header = file.read(_LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
            continue  # reading this entry will fail and say so; it cannot give any bytes
        name_bytes, extra_bytes = struct.unpack_from("<2H", header, 26)
        if entry.header_offset + _LOCAL.size + name_bytes + extra_bytes + entry.compress_size > end:
            raise UnsafeArchiveError("entries of the zip file overlap, as in a zip bomb: it is not read")


def _central_directory(file: BinaryIO) -> tuple[int, int]:
    """Where the central directory begins and ends, found as `zipfile` finds it, in bytes from the start."""
    total_bytes = file.seek(0, 2)
    tail_start = max(0, total_bytes - _END.size - _LONGEST_COMMENT_BYTES)
    file.seek(tail_start)
    tail = file.read()
    if tail[-_END.size :].startswith(b"PK\x05\x06") and tail.endswith(b"\0\0"):
        at = len(tail) - _END.size
    else:
        at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise UnsafeArchiveError("this is not a zip file, or its end is missing: make the archive again")
    directory_bytes = _END.unpack_from(tail, at)[5]
    end = tail_start + at
    locator_at = end - _END_64_LOCATOR.size
    if locator_at >= _END_64.size:
        file.seek(locator_at - _END_64.size)
        records = file.read(_END_64.size + _END_64_LOCATOR.size)
        if records.startswith(b"PK\x06\x06") and records[_END_64.size :].startswith(b"PK\x06\x07"):
            directory_bytes = _END_64.unpack_from(records)[8]
            end = locator_at - _END_64.size
    if directory_bytes > end:
        raise UnsafeArchiveError("the zip file's list of contents is damaged: make the archive again")
    return end - directory_bytes, end
