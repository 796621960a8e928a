"""Which names inside an archive or folder are safe, hidden, or not pictures at all."""

from __future__ import annotations

import re

INSIDE = "an archive inside: import it by itself"

# Belong to a collection without being pictures: no problem worth a line.
_SIDE_FILES = ("readme", "license", "licence", "copying")
_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
_ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
_DRIVE = re.compile(r"[A-Za-z]:")


def is_archive(name: str) -> bool:
    """Whether a file name is that of an archive."""
    return name.lower().endswith(_ARCHIVE_SUFFIXES)


def is_hidden(part: str) -> bool:
    """Whether a file or folder of this name is hidden or put there by an operating system."""
    return part.startswith(".") or part == "__MACOSX"


def is_side_file(name: str) -> bool:
    """Whether a file belongs to a collection without being a picture, and is passed over in silence."""
    last = name.rpartition("/")[2].lower()
    # "license-plate.jpg" is a picture: none may vanish in silence.
    return last == "manifest.csv" or (last.startswith(_SIDE_FILES) and not last.endswith(_IMAGE_SUFFIXES))


def parts(name: str) -> tuple[str, ...]:
    """The folders and file of a name written with slashes, without empty steps."""
    return tuple(part for part in name.split("/") if part not in ("", "."))


def name_problem(name: str) -> str | None:
    """Why an entry of an archive cannot be read under its name, or None if it can."""
    steps = parts(name)
    if "\0" in name or not steps:
        return "not a usable file name"
    if "\\" in name:
        return "unsafe path: backslash in the name"
    if name.startswith("/"):
        return "unsafe path: absolute"
    if _DRIVE.match(name):
        return "unsafe path: drive letter"
    if ".." in steps:
        return "unsafe path: leads out of the archive"
    if any(is_hidden(part) for part in steps):
        return "hidden or system file"
    if is_archive(steps[-1]):
        return INSIDE
    return None


def printable(name: str) -> str:
    """A name that can be stored and shown: no NUL, and no bytes that are not UTF-8."""
    return (
        name.encode("utf-8", "surrogateescape")
        .decode("utf-8", "replace")
        .replace("\0", "\N{REPLACEMENT CHARACTER}")
    )
