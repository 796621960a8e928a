"""What a file is that somebody wants to import: an archive of a kind that is read, an image, or neither."""

from __future__ import annotations

import tarfile
from typing import BinaryIO

from gallery.errors import NotAnImageError, UnsafeArchiveError
from gallery.imaging.files import formats
from gallery.ingest.sources.zip_structure import check_is_zip

HEAD_BYTES = 512

# what an archive that is not read begins with
_OTHER_ARCHIVES = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}


def kind_of(head: bytes) -> str:
    """Return what a file is by its first bytes: "zip", "tar", "tar.gz", "image", or "" for none of them.

    Raises: UnsafeArchiveError for an archive of a kind that is not read.
    """
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return "zip"
    if head.startswith(b"\x1f\x8b"):
        return "tar.gz"
    for magic, name in _OTHER_ARCHIVES.items():
        if head.startswith(magic):
            raise UnsafeArchiveError(f"{name} archives are not read: pack the images as zip, tar or tar.gz")
    if _is_tar(head):
        return "tar"
    return "image" if _is_image(head) else ""


def check(file: BinaryIO) -> None:
    """Refuse an open file that is nothing to import, and leave it where it stood.

    Raises: UnsafeArchiveError.
    """
    position = file.tell()
    file.seek(0)
    kind = kind_of(file.read(HEAD_BYTES))
    if kind == "zip":
        check_is_zip(file)
    elif not kind:
        # a zip may begin with anything, as those that unpack themselves
        try:
            check_is_zip(file)
        except UnsafeArchiveError as error:
            raise UnsafeArchiveError(
                "this is neither a zip, tar or tar.gz file nor an image, or its end is missing: make it again"
            ) from error
    file.seek(position)


def _is_image(head: bytes) -> bool:
    """Whether a file begins as one of the formats that are read."""
    try:
        formats.recognised(head)
    except NotAnImageError:
        return False
    return True


def _is_tar(head: bytes) -> bool:
    """Whether this is the first header of a tar file, which has a checksum, or the end of an empty one."""
    if len(head) == HEAD_BYTES and not head.strip(b"\0"):
        return True
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return head[257:262] == b"ustar"
    return True
