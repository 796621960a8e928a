"""Generations on disk: built aside, verified, swapped in by one atomic replace, old ones swept.

Layout: `<root>/<index>/<generation>/{index.faiss, vectors.f16, ids.i64, lengths.f32, centre.npy,
manifest.json}` and `<root>/<index>/CURRENT`, which names the generation that serves.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from gallery.errors import IndexDamagedError
from search.index.base import IndexInputError
from search.index.faiss import checking
from search.index.faiss.blocks import BLOCKS_FILE
from search.index.faiss.generation import DATA_FILES, MANIFEST_FILE, Generation, damaged

CURRENT_FILE = "CURRENT"
BUILDING_PREFIX = ".building-"
BUILDER_LOCK = ".builder"
KEEP_OLD = 2
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class GenerationStore:
    """The published generations of every index below one root folder; many processes may share it."""

    def __init__(self, root: Path, *, keep_old: int = KEEP_OLD) -> None:
        self.root = Path(root)
        self.keep_old = keep_old

    def names(self) -> list[str]:
        """Return the names of the indexes that have something published."""
        if not self.root.is_dir():
            return []
        return sorted(p.name for p in self.root.iterdir() if (p / CURRENT_FILE).is_file())

    def generations(self, name: str) -> list[str]:
        """Return the names of an index's complete generations, oldest first."""
        folder = self._folder(name)
        if not folder.is_dir():
            return []
        return sorted(p.name for p in folder.iterdir() if p.is_dir() and _NAME.fullmatch(p.name))

    def current_name(self, name: str) -> str | None:
        """Return the name of the generation that serves, None before the first; cheap: ask at every search.

        Raises: IndexDamagedError when CURRENT does not hold a generation's name.
        """
        try:
            text = (self._folder(name) / CURRENT_FILE).read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            words = f"Index {name}: CURRENT cannot be read ({error.strerror}). Run rebuild_index."
            raise IndexDamagedError(words) from error
        if not _NAME.fullmatch(text):
            raise IndexDamagedError(f"Index {name}: CURRENT names no generation. Run rebuild_index.")
        return text

    def open_current(self, name: str, *, checksums: bool = True) -> Generation | None:
        """Open the generation that serves, None before the first.

        Raises: IndexDamagedError when it is not what was published.
        """
        while (generation := self.current_name(name)) is not None:
            try:
                return Generation.open(self._folder(name) / generation, checksums=checksums)
            except (IndexDamagedError, OSError) as error:
                # A newer generation may have been published, and this one swept, while it was being read.
                if self.current_name(name) == generation:
                    if isinstance(error, IndexDamagedError):
                        raise
                    raise damaged(self._folder(name) / generation, "it cannot be read") from error
        return None

    def current_folder(self, name: str) -> Path | None:
        """Return the folder of the generation that serves, None before the first.

        Raises: IndexDamagedError when CURRENT does not hold a generation's name.
        """
        generation = self.current_name(name)
        return self._folder(name) / generation if generation is not None else None

    def damage(self, name: str) -> IndexDamagedError | None:
        """Return what is known to be wrong with the generation that serves, None for nothing; cheap."""
        try:
            while (folder := self.current_folder(name)) is not None:
                try:
                    checking.look(folder)
                    return None
                except IndexDamagedError:
                    # unless another was published, and this one swept, meanwhile
                    if self.current_folder(name) == folder:
                        raise
        except IndexDamagedError as error:
            return error
        return None

    def open_older(self, name: str, held: Generation | None = None) -> Generation | None:
        """Open the newest whole generation beside the one that serves, which is damaged; None without one.

        It is `held` itself where that is the one.
        """
        try:
            serving = self.current_name(name)
        except IndexDamagedError:
            serving = None
        for generation in reversed(self.generations(name)):
            if generation == serving:
                continue
            folder = self._folder(name) / generation
            try:
                if held is not None and held.folder == folder:
                    checking.look(folder)
                    return held
                return Generation.open(folder, checksums=False)
            except (IndexDamagedError, OSError):
                continue
        return None

    def publish(self, name: str, build: Callable[[Path], None]) -> Generation:
        """Let `build` fill an empty folder, verify what it wrote, and make it the generation that serves.

        Whatever fails or dies on the way, the old generation goes on serving. Raises: what `build`
        raises; IndexDamagedError when what it wrote does not pass the checks.
        """
        with self._building(name) as folder:
            build(folder)
            Generation.open(folder)
            for file in (*DATA_FILES, BLOCKS_FILE, MANIFEST_FILE):
                _flush(folder / file)
            _flush(folder)
            published = self._swap_in(name, folder)
        self.sweep(name)
        return Generation.open(published, checksums=False)

    def being_built(self, name: str) -> Path | None:
        """Return the folder in which a process is building the next generation of an index, if one is."""
        building = sorted(self._folder(name).glob(f"{BUILDING_PREFIX}*"))
        return next((folder for folder in building if _is_being_built(folder)), None)

    def sweep(self, name: str) -> int:
        """Delete what crashed builds left and all but the newest old generations; return how many folders."""
        folder = self._folder(name)
        if not folder.is_dir():
            return 0
        with self._locked(name):
            current = self.current_name(name)
            old = [folder / generation for generation in self.generations(name) if generation != current]
            whole = [path for path in old if checking.looks_whole(path)]
            # what is damaged is of no use: it does not take the place of one that is whole
            kept = whole[max(0, len(whole) - self.keep_old) :]
            doomed = [path for path in old if path not in kept]
            doomed += [path for path in folder.glob(f"{BUILDING_PREFIX}*") if not _is_being_built(path)]
            for path in doomed:
                shutil.rmtree(path, ignore_errors=True)
            for leftover in folder.glob(f".{CURRENT_FILE}-*"):
                leftover.unlink(missing_ok=True)
        return len(doomed)

    def drop(self, name: str) -> None:
        """Delete an index with all its generations; nothing happens when there is none."""
        with self._locked(name):
            folder = self._folder(name)
            (folder / CURRENT_FILE).unlink(missing_ok=True)  # first: nothing half deleted may be served
            shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise IndexInputError(
                f"{name!r} is no index name: use letters, digits, dot, dash and underscore."
            )
        return self.root / name

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Hold the index's lock; the system frees it when the process dies."""
        self.root.mkdir(parents=True, exist_ok=True)
        # Beside the index folder, so that drop() does not delete the file others wait on.
        with (self.root / f".lock-{name}").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _building(self, name: str) -> Iterator[Path]:
        """Yield an empty folder aside, marked as alive by a lock that dies with the process."""
        token = f"{BUILDING_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        with self._locked(name):  # so that no sweep sees the folder before its lock
            folder = self._folder(name) / token
            folder.mkdir(parents=True)
            marker = (folder / BUILDER_LOCK).open("w")
            fcntl.flock(marker, fcntl.LOCK_EX)
        try:
            with marker:
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # already renamed away when it was published

    def _swap_in(self, name: str, built: Path) -> Path:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        with self._locked(name):
            home = self._folder(name)
            if not built.is_dir():
                raise IndexDamagedError(
                    f"Index {name} was dropped while it was being built; nothing was published."
                )
            published = home / f"{stamp}-{secrets.token_hex(2)}"
            (built / BUILDER_LOCK).unlink()
            built.rename(published)
            _flush(home)
            pointer = home / f".{CURRENT_FILE}-{secrets.token_hex(4)}"
            pointer.write_text(published.name + "\n")
            _flush(pointer)
            pointer.replace(home / CURRENT_FILE)
            _flush(home)
        return published


def _is_being_built(folder: Path) -> bool:
    with suppress(FileNotFoundError), (folder / BUILDER_LOCK).open("a") as marker:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _flush(path: Path) -> None:
    """Make a file or a folder's entries survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
