"""Looks for damage in published generations: at what is to be seen unread, and at some blocks at a time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gallery.errors import IndexDamagedError
from search.index.faiss import blocks
from search.index.faiss.blocks import Block, KnownBlocks
from search.index.faiss.generation import DATA_FILES, MANIFEST_FILE, Manifest, damaged
from search.index.faiss.seal import condemn, condemned, state_of

REMEMBERED = 256  # generations


def look(folder: Path) -> None:
    """Look at the files of a generation: are they there, as long as they were, and can they be opened?

    Raises: IndexDamagedError with what is wrong, also where that was found earlier by reading them.
    """
    if reason := condemned(folder):
        raise damaged(folder, reason)
    states = (_state_or_none(folder / name) for name in (MANIFEST_FILE, blocks.BLOCKS_FILE))
    expected = _sizes(folder, *states)
    for name in DATA_FILES:
        path = folder / name
        if not path.is_file():
            raise damaged(folder, f"{name} is missing")
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
        except OSError as error:
            raise damaged(folder, f"{name} cannot be read ({error.strerror})") from error
        if size != expected.get(name, size):
            raise damaged(folder, f"{name} has {size} bytes instead of {expected[name]}")


def looks_whole(folder: Path) -> bool:
    """Whether nothing is to be seen that is wrong with a generation."""
    try:
        look(folder)
    except (IndexDamagedError, OSError):
        return False
    return True


@dataclass(frozen=True)
class Read:
    """How many bytes of a generation were read, and behind which block; `end` when that was the last."""

    size: int
    block: int
    end: bool


def read_blocks(folder: Path, first: int, most_bytes: int) -> Read:
    """Read blocks of a generation from one on, so many bytes of them, and compare them with their digests.

    One without digests is read in full and gets them. Damage is written down for every process.
    Raises: IndexDamagedError.
    """
    known = blocks.read(folder)
    if known is None:
        return Read(_read_all(folder), 0, end=True)
    some = known.blocks[first : first + max(1, most_bytes // known.block_bytes)]
    if (block := _damaged_block(folder, known, some)) is not None:
        reason = f"{block.file} is not what was written (its block at {block.start} differs)"
        condemn(folder, block.file, reason)
        raise damaged(folder, reason)
    last = first + len(some)
    return Read(len(some) * known.block_bytes, last, end=last >= len(known.blocks))


def _damaged_block(folder: Path, known: KnownBlocks, some: list[Block]) -> Block | None:
    try:
        return blocks.damaged_block(folder, known, some)
    except OSError as error:
        raise damaged(folder, f"its files cannot be read ({error.strerror})") from error


def _read_all(folder: Path) -> int:
    """Compare all of a generation with its manifest, write the digests of its blocks, return its size."""
    checksums = Manifest.read(folder).checksums
    found = {}
    for name in DATA_FILES:
        try:
            found[name] = blocks.digests_of(folder / name)
        except OSError as error:
            raise damaged(folder, f"{name} cannot be read ({error.strerror})") from error
        if found[name].sha256 != checksums.get(name):
            reason = f"{name} is not what was written (its checksum differs)"
            condemn(folder, name, reason)
            raise damaged(folder, reason)
    with suppress(OSError):  # where that cannot be written, the next pass reads all of it again
        blocks.write(folder, found)
    return sum(one.size for one in found.values())


def _state_or_none(path: Path) -> tuple[int, ...] | None:
    try:
        return tuple(state_of(path))
    except OSError:
        return None


@lru_cache(REMEMBERED)
def _sizes(folder: Path, manifest: object, digests: object) -> dict[str, int]:
    """Return how long each file has to be; the states of two files tell when that has to be read again.

    Raises: IndexDamagedError.
    """
    known = blocks.read(folder)
    return Manifest.read(folder).sizes | dict(known.sizes if known is not None else {})
