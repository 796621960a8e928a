"""Packs folders and lists of files into an archive to send, and tells how much of it is sent."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, TypeAlias, cast

from semsearch_client.errors import Refused


class Progress(NamedTuple):
    """How far something is: `done` of `total`, counted in bytes while "sending", else in what jobs count."""

    stage: str
    done: int
    total: int


OnProgress: TypeAlias = Callable[[Progress], object]
Source: TypeAlias = "str | os.PathLike[str] | Iterable[str | os.PathLike[str]]"


class Archive(AbstractContextManager["Archive"]):
    """An archive to send, as an open file that reports how much of it was read.

    A folder or a list of files becomes a zip file in the folder for temporary files; one that is an archive,
    or a single image, is sent as it is.
    """

    def __init__(self, source: Source, on_progress: OnProgress | None = None) -> None:
        """Open or pack it. Raises: Refused where there is nothing to send."""
        self._on_progress = on_progress
        self._file, self.name = _opened(source)
        self._file.seek(0, os.SEEK_END)
        self.size = self._file.tell()
        self._file.seek(0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._file.close()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, and report how many were read."""
        data = self._file.read(size)
        if self._on_progress and data:
            self._on_progress(Progress("sending", self._file.tell(), self.size))
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, as a file does."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place, as a file does."""
        return self._file.tell()


def _opened(source: Source) -> tuple[BinaryIO, str]:
    if not isinstance(source, str | os.PathLike):
        files = [Path(one).expanduser() for one in source]
        return _packed([(file, file.name) for file in files]), "images.zip"
    path = Path(source).expanduser()
    if path.is_dir():
        # hidden files are never images: .DS_Store, and what tools leave behind
        files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
        return _packed(
            [(file, str(file.relative_to(path))) for file in files]
        ), f"{path.name or 'images'}.zip"
    try:
        return path.open("rb"), path.name
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.", code="not_a_file") from error


def _packed(files: Sequence[tuple[Path, str]]) -> BinaryIO:
    if not files:
        raise Refused("There is no file to send.", code="not_a_file")
    out = tempfile.TemporaryFile(suffix=".zip")  # noqa: SIM115  # whoever asked closes it
    used: set[str] = set()
    try:
        # images are compressed already
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
            for number, (file, name) in enumerate(files):
                # two folders may have a file of one name in a list of files
                name = name if name not in used else f"{number}-{name}"
                used.add(name)
                archive.write(file, name)
    except OSError as error:
        out.close()
        raise Refused(f"{error.filename} cannot be read: {error.strerror}.", code="not_a_file") from error
    return cast(BinaryIO, out)
