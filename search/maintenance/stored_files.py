"""Compares the rows of images with the files in the storage, by kind; changes neither."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.core.files.storage import default_storage

from gallery.browse import renditions
from gallery.errors import StorageAwayError
from gallery.models import DerivedFile, Image
from gallery.system.home import storage_mark
from gallery.system.home.shipped_files import program
from gallery.system.storage import StorageUnavailableError, storage_errors
from search.stored_folders import FEATURE_MAPS

ORIGINALS, THUMBNAILS = "images", "thumbnails"
LOST_AND_FOUND = "lost+found"  # holds originals under the names that they had
READ_ROWS = 2000
# so many files that a list of the folders lacks are looked for one by one: some come while that is made
LOOKED_FOR = 1000
# of all images; when more are missing at once, and not a single one, not they but the storage is away
MOST_MISSING = 0.02


@dataclass
class StoredFiles:
    """What the storage lacks (ids of images) and what it has too much (names of files).

    `away` says why the storage is not believed, "" when it is: then nothing is to be concluded from it.
    """

    away: str = ""
    missing: list[int] = field(default_factory=list)  # originals that nobody has missed before
    still_missing: list[int] = field(default_factory=list)
    aside: list[int] = field(default_factory=list)  # originals that lie in lost+found/
    back: list[int] = field(default_factory=list)
    thumbnails: list[int] = field(default_factory=list)  # lacking, of originals that are there
    unknown_originals: list[str] = field(default_factory=list)
    unknown_derived: list[str] = field(default_factory=list)  # what can be made again


def compare(*, trusted: bool = False) -> StoredFiles:
    """Return how rows and files differ. One that is `trusted` is the right storage however much it lacks."""
    try:
        if not trusted:
            storage_mark.require()
        with storage_errors():
            found, rows = _compared()
    except StorageAwayError as error:
        return StoredFiles(away=error.detail)
    except StorageUnavailableError as error:
        return StoredFiles(away=str(error))
    except OSError as error:  # a disk or a share that fails, a folder that may not be read
        return StoredFiles(away=f"The storage of the images cannot be read: {error}.")
    if not trusted and len(found.missing) > max(1, MOST_MISSING * rows):
        found.away = (
            f"The storage of the images seems to be away: {len(found.missing)} of {rows} files are missing. "
            f"Mount it. If they are lost indeed, say so with `{program()} verify --repair --trust-storage`: "
            "their images are hidden then."
        )
    return found


def _compared() -> tuple[StoredFiles, int]:
    """Return what differs, and how many images there are.

    A derived file that is gone is made again when somebody asks for it: nothing is lost.
    """
    originals, thumbnails, aside = set(walk(ORIGINALS)), set(walk(THUMBNAILS)), _set_aside()
    found, rows = StoredFiles(), 0
    columns = Image.everything.order_by("pk").values_list("pk", "file", "thumbnail", "missing_since")
    for pk, file, thumbnail, since in columns.iterator(READ_ROWS):
        rows += 1
        there = file in originals or (len(found.missing) < LOOKED_FOR and default_storage.exists(file))
        if not there and file in aside:
            found.aside.append(pk)
        elif there:
            if since is not None:
                found.back.append(pk)
            if thumbnail not in thumbnails:
                found.thumbnails.append(pk)
        else:
            (found.missing if since is None else found.still_missing).append(pk)
        originals.discard(file)
        thumbnails.discard(thumbnail)
    derived = {name for folder in (FEATURE_MAPS, renditions.FOLDER) for name in walk(folder)}
    derived.difference_update(DerivedFile.objects.values_list("file", flat=True).iterator(READ_ROWS))
    found.unknown_originals, found.unknown_derived = sorted(originals), sorted(thumbnails | derived)
    return found, rows


def _set_aside() -> set[str]:
    """Return the names that originals in lost+found/ had; none where that is a folder of the disk's own."""
    try:
        return {name.removeprefix(f"{LOST_AND_FOUND}/") for name in walk(f"{LOST_AND_FOUND}/{ORIGINALS}")}
    except (PermissionError, NotADirectoryError):
        return set()


def walk(folder: str) -> Iterator[str]:
    """Yield the names of the files in a folder of the storage and below it."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in files:
        yield f"{folder}/{name}"
    for name in folders:
        yield from walk(f"{folder}/{name}")
