"""A realistic million of vectors: tiles of the pictures at hand, through the live configuration.

Running the network a million times would take hours. Its last map has 9 x 9 places, so that one pass over a
picture answers for many parts of it: 24 windows and their mirror images, each pooled and reduced as the live
configuration does with a whole map. Each picture is passed whole and in seeded crops. Tiles of a picture
that are nearly the same (of a symmetric one and its mirror image) are left out, and every twentieth picture
gives queries instead: nothing of it is searched.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.pictures import pictures
from benchmarks.tiles import distinct, tile_vectors
from gallery import images
from gallery.errors import NotFoundError, TooLargeError
from search.extractors.engines import load_engine
from search.extractors.extraction import live_config, resized
from search.extractors.reduction import reduction
from search.extractors.registry import architecture
from search.types import RGB, Vectors

CLIPART, STAMPS = Path("/usr/share/openclipart/png"), Path("/usr/share/tuxpaint/stamps")
LIMITS = images.ImageLimits(max_pixels=10_000_000)  # a few of the clip art's have 200 million
LONGEST_SIDE = 640  # more is lost in the network's input
CROPS = 2  # a picture, beside itself as a whole
SHARES = (0.45, 0.8)  # of a picture's sides that a crop keeps
MOST_ALIKE = 0.95  # cosine, centred, of two tiles of a picture
QUERY_EVERY = 20  # pictures
QUERIES = 2_000
GROUP = 32  # pictures
SEED = 0
RECIPE = 1  # counts changes of the above


@dataclass(frozen=True)
class Collection:
    """Vectors to search and to search with, uncentred, of different pictures.

    `base` (n, d) float16, `queries` (m, d) float32; `labels` (n,) int32 numbers the folders that the
    pictures lie in, `pictures` (n,) int32 the pictures themselves; `facts` says how it was made.
    """

    base: NDArray[np.float16]
    queries: Vectors
    labels: NDArray[np.int32]
    pictures: NDArray[np.int32]
    facts: dict[str, Any]


def collection(count: int, cache_dir: Path) -> Collection:
    """Return `count` vectors and 2,000 queries, made by the first call (half an hour on two cores) and kept.

    Raises:
        NotFoundError: the pictures at hand do not give as many.
    """
    sources = _sources()
    folder = cache_dir / "benchmarks" / f"million-{_key(sources)}"
    if not (folder / "facts.json").exists():
        _make(folder, sources, cache_dir)
    return kept_collection(folder, count)


def kept_collection(folder: Path, count: int) -> Collection:
    """Return a seeded choice of `count` vectors of those kept in a folder, in their order, and the queries.

    Raises:
        NotFoundError: there are fewer.
    """
    facts = json.loads((folder / "facts.json").read_text())
    base = np.memmap(folder / "base.f16", dtype="<f2", mode="r").reshape(-1, facts["dims"])
    if count > len(base):
        raise NotFoundError(
            f"The pictures at hand give {len(base):,} vectors, not {count:,}: ask for fewer with --count"
            + (". " if facts["packages"] else ", or install more pictures: sh benchmarks/install.sh.")
        )
    rows = np.sort(np.random.default_rng(SEED).choice(len(base), count, replace=False))
    labels, numbers = (np.load(folder / f"{name}.npy") for name in ("labels", "pictures"))
    return Collection(base[rows], np.load(folder / "queries.npy"), labels[rows], numbers[rows], facts)


def _sources() -> list[Path]:
    """Return the readable pictures, each content once: the Debian packages' or else the sample data."""
    installed = [path for folder in (CLIPART, STAMPS) if folder.is_dir() for path in pictures(folder)]
    contents: dict[bytes, Path] = {}
    for path in installed or pictures(None):
        data = path.read_bytes()
        try:
            images.inspect(data, LIMITS)
        except TooLargeError:
            continue
        contents.setdefault(hashlib.sha256(data).digest(), path)
    return list(contents.values())


def _key(sources: list[Path]) -> str:
    """Return what changes with the pictures, the live configuration and the recipe."""
    names = [f"{path}:{path.stat().st_size}" for path in sources]
    return hashlib.sha256(repr((RECIPE, astuple(live_config()), names)).encode()).hexdigest()[:12]


def _make(folder: Path, sources: list[Path], cache_dir: Path) -> None:
    """Fill a folder aside, then give it its name: one that exists is complete."""
    aside = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    folders = {parent: number for number, parent in enumerate(sorted({path.parent for path in sources}))}
    labels, numbers, queries = [], [], []
    with (aside / "base.f16").open("wb") as base:
        for number, vectors in _tiles(sources, cache_dir):
            if number % QUERY_EVERY == 0:
                queries.append(vectors)
                continue
            base.write(vectors.astype("<f2").tobytes())
            labels += [folders[sources[number].parent]] * len(vectors)
            numbers += [number] * len(vectors)
    asked = np.concatenate(queries)
    asked = asked[np.random.default_rng(SEED).permutation(len(asked))[:QUERIES]]
    np.save(aside / "queries.npy", asked)
    np.save(aside / "labels.npy", np.array(labels, dtype=np.int32))
    np.save(aside / "pictures.npy", np.array(numbers, dtype=np.int32))
    facts = {
        "dims": asked.shape[1],
        "count": len(labels),
        "pictures": len(sources),
        "queries_from": len(queries),
        "packages": CLIPART.is_dir() and STAMPS.is_dir(),
    }
    (aside / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
    aside.rename(folder)


def _tiles(sources: list[Path], cache_dir: Path) -> Iterator[tuple[int, Vectors]]:
    """Yield (number, vectors (n, d)) of each picture, in a seeded order."""
    config = live_config()
    engine = load_engine(
        architecture(config.model), (config.layer,), config.input_size, cache_dir=cache_dir / "engines"
    )
    reduced = reduction(config.reduction)
    centre: NDArray[np.float32] | None = None
    started, done = time.monotonic(), 0
    for members, views in _views(sources, config.input_size, config.resize):
        (maps,) = engine.run(views)
        vectors = tile_vectors(maps, reduced).reshape(len(members), -1, reduced.dims)
        if centre is None:  # of the first few pictures: near enough for leaving out what is nearly the same
            centre = vectors.mean(axis=(0, 1))
        for number, tiles in zip(members, vectors, strict=True):
            yield int(number), tiles[distinct(tiles - centre, MOST_ALIKE)]
        done += len(members)
        _report(started, done, len(sources))


def _views(sources: list[Path], side: int, resize: str) -> Iterator[tuple[NDArray[np.int64], RGB]]:
    """Yield the pictures' numbers and their views as the network takes them, (numbers * views, s, s, 3)."""
    order = np.random.default_rng(SEED).permutation(len(sources))
    groups = [order[start : start + GROUP] for start in range(0, len(order), GROUP)]

    def prepared(number: int) -> RGB:
        return np.stack([resized(view, side, resize) for view in _crops(sources[number], number)])

    def ahead(group: NDArray[np.int64]) -> list[Future[RGB]]:
        return [pool.submit(prepared, int(number)) for number in group]

    with ThreadPoolExecutor(2) as pool:
        waiting = ahead(groups[0])
        for group, following in zip(groups, [*groups[1:], order[:0]], strict=True):
            ready, waiting = waiting, ahead(following)
            yield group, np.concatenate([future.result() for future in ready])


def _crops(path: Path, number: int) -> Iterator[RGB]:
    """Yield the whole picture, then crops of it."""
    picture = Image.fromarray(images.decode(path.read_bytes(), LIMITS))
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), reducing_gap=2.0)
    rgb = np.asarray(picture)
    yield rgb
    random = np.random.default_rng((SEED, number))
    for shares in random.uniform(*SHARES, (CROPS, 2)):
        size = np.maximum(1, np.rint(shares * rgb.shape[:2])).astype(int)
        top, left = random.integers(0, rgb.shape[:2] - size + 1)
        yield np.ascontiguousarray(rgb[top : top + size[0], left : left + size[1]])


def _report(started: float, done: int, total: int) -> None:
    rate = done / (time.monotonic() - started)
    minutes = (total - done) / rate / 60
    print(f"tiles of {done:,} of {total:,} pictures, {minutes:.0f} minutes left", file=sys.stderr, flush=True)
