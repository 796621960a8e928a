"""Digests of the blocks of a generation's files, by which a part of them is checked at a time.

They are kept beside the files, in `blocks.json`. A generation of an earlier version has none: its files are
compared with the manifest once, in full, and get them then.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.damage import DAMAGE

BLOCKS_FILE = "blocks.json"
BLOCK_BYTES = 2**20
DIGEST_BYTES = 16  # of BLAKE2b: it is the disk that changes bits, nobody who could search for a collision


@dataclass(frozen=True)
class FileDigests:
    """The size of a file in bytes, its SHA-256, and the digest of each of its blocks, all as hex digits."""

    size: int
    sha256: str
    blocks: list[str]


@dataclass(frozen=True)
class Block:
    """A part of a file that is read and compared as one."""

    file: str
    start: int
    digest: str


def digests_of(path: Path) -> FileDigests:
    """Return the digests of a file, which is read once. Raises: OSError."""
    whole, blocks, size = hashlib.sha256(), [], 0
    buffer = bytearray(BLOCK_BYTES)
    with path.open("rb") as file:
        while count := file.readinto(buffer):
            data = memoryview(buffer)[:count]
            whole.update(data)
            blocks.append(_digest(data))
            size += count
    return FileDigests(size, whole.hexdigest(), blocks)


def write(folder: Path, files: Mapping[str, FileDigests]) -> None:
    """Write the digests of a generation's files beside them. Raises: OSError."""
    values = {
        "block_bytes": BLOCK_BYTES,
        "files": {name: [found.size, found.blocks] for name, found in files.items()},
    }
    # one that is torn has another digest, and is none
    (folder / BLOCKS_FILE).write_text(json.dumps(values | {"digest": _digest_of(values)}))


@dataclass(frozen=True)
class KnownBlocks:
    """What `blocks.json` says of a generation: the size of each file in bytes, and all blocks in order."""

    sizes: Mapping[str, int]
    blocks: list[Block]
    block_bytes: int


def read(folder: Path) -> KnownBlocks | None:
    """Return the digests of a generation; None where there are none, or they are damaged themselves."""
    try:
        values: dict[str, Any] = json.loads((folder / BLOCKS_FILE).read_text())
        if values.pop("digest") != _digest_of(values):
            return None
        size_of_block, files = values["block_bytes"], values["files"]
        return KnownBlocks(
            {name: size for name, (size, _) in files.items()},
            [
                Block(name, place * size_of_block, digest)
                for name, (_, digests) in files.items()
                for place, digest in enumerate(digests)
            ],
            size_of_block,
        )
    except DAMAGE:
        return None


def damaged_block(folder: Path, known: KnownBlocks, blocks: Iterable[Block]) -> Block | None:
    """Read blocks of a generation, and return the first that is not what was written. Raises: OSError."""
    for block in blocks:
        with (folder / block.file).open("rb") as file:
            file.seek(block.start)
            data = file.read(known.block_bytes)
        if _digest(data or b"") != block.digest:
            return block
    return None


def _digest(data: bytes | memoryview) -> str:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def _digest_of(values: Mapping[str, object]) -> str:
    return _digest(json.dumps(values, sort_keys=True, separators=(",", ":")).encode())
