"""A realistic million of vectors: tiles of the pictures at hand, through the live configuration.

Running the network a million times would take hours. Its last map has 9 x 9 places, so that one pass over a
picture answers for many parts of it: 24 windows and their mirror images, each pooled and reduced as the live
configuration does with a whole map. Each picture is passed whole and in seeded crops. Tiles of a picture
that are nearly the same (of a symmetric one and its mirror image) are left out, and every twentieth picture
gives queries instead: nothing of it is searched. What is made is kept part by part, so that a run that was
broken off goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.images import images
from benchmarks.needs import Need
from benchmarks.tiles import distinct, tile_vectors
from gallery.errors import NotFoundError, TooLargeError
from gallery.imaging import decoding
from search.extractors.engines.base import Engine
from search.extractors.engines.loading import load_engine
from search.extractors.feature_extractor import live_config
from search.extractors.networks.registry import get_network
from search.extractors.pca.components import load_pca
from search.extractors.resizing import resized
from search.types import RGB, Vectors

CLIPART, STAMPS = Path("/usr/share/openclipart/png"), Path("/usr/share/tuxpaint/stamps")
PACKAGES = ("openclipart-png", "tuxpaint-stamps-default")
LIMITS = decoding.ImageLimits(max_pixels=10_000_000)  # a few of the clip art's have 200 million
LONGEST_SIDE = 640  # more is lost in the network's input
CROPS = 4  # a picture, beside itself as a whole
SHARES = (0.45, 0.8)  # of a picture's sides that a crop keeps
MOST_ALIKE = 0.97  # cosine, centred, of two tiles of a picture
USUAL_TILES = 100  # that are left of a picture, and a few more
QUERY_EVERY = 20  # pictures
QUERIES = 2_000
GROUP = 32  # pictures
PART = 512  # pictures
SEED = 0
RECIPE = 2  # counts changes of the above


@dataclass(frozen=True)
class Collection:
    """Vectors to search and to search with, uncentred, of different pictures.

    `base` (n, d) float16, `queries` (m, d) float32; `labels` (n,) int32 numbers the folders that the
    pictures lie in, `images` (n,) int32 the pictures themselves; `facts` says how it was made.
    """

    base: NDArray[np.float16]
    queries: Vectors
    labels: NDArray[np.int32]
    images: NDArray[np.int32]
    facts: dict[str, Any]


def needs(count: int) -> list[Need]:
    """Return what is missing to make so many vectors; a few come from the sample data alone."""
    installed = [folder for folder in (CLIPART, STAMPS) if folder.is_dir()]
    if len(installed) == 2 or count <= USUAL_TILES * len(images(None)):
        return []
    return [Need(f"the pictures that {count:,} vectors are made from", debian=PACKAGES)]


def made(cache_dir: Path) -> Path:
    """Return the folder of all vectors that the pictures at hand give, and 2,000 queries.

    The first call makes them, in a quarter of an hour on two cores.
    """
    sources = _sources()
    folder = cache_dir / "benchmarks" / f"million-{_key(sources)}"
    if not (folder / "facts.json").exists():
        _make(folder, sources, cache_dir)
    return folder


def facts(folder: Path) -> dict[str, Any]:
    """Return how a kept collection was made."""
    found: dict[str, Any] = json.loads((folder / "facts.json").read_text())
    return found


def kept_queries(folder: Path) -> Vectors:
    """Return the queries of a kept collection, (m, d)."""
    return np.asarray(np.load(folder / "queries.npy"), dtype=np.float32)


def kept_collection(folder: Path, count: int) -> Collection:
    """Return a seeded choice of `count` vectors of those kept in a folder, in their order, and the queries.

    Raises:
        NotFoundError: there are fewer.
    """
    about = facts(folder)
    base = np.memmap(folder / "base.f16", dtype="<f2", mode="r").reshape(-1, about["dims"])
    if count > len(base):
        raise NotFoundError(
            f"The pictures at hand give {len(base):,} vectors, not {count:,}: ask for fewer with --count"
            + (
                ". "
                if about["packages"]
                else ", or install more pictures: Debian's openclipart-png and tuxpaint-stamps-default."
            )
        )
    rows = np.sort(np.random.default_rng(SEED).choice(len(base), count, replace=False))
    labels, numbers = (np.load(folder / f"{name}.npy") for name in ("labels", "pictures"))
    return Collection(base[rows], kept_queries(folder), labels[rows], numbers[rows], about)


def _sources() -> list[Path]:
    """Return the readable pictures, each content once: the Debian packages' or else the sample data."""
    installed = [path for folder in (CLIPART, STAMPS) if folder.is_dir() for path in images(folder)]
    contents: dict[bytes, Path] = {}
    for path in installed or images(None):
        data = path.read_bytes()
        try:
            decoding.inspect(data, LIMITS)
        except TooLargeError:
            continue
        contents.setdefault(hashlib.sha256(data).digest(), path)
    return list(contents.values())


def _key(sources: list[Path]) -> str:
    """Return what changes with the pictures, the live configuration and the recipe."""
    names = [f"{path}:{path.stat().st_size}" for path in sources]
    return hashlib.sha256(repr((RECIPE, astuple(live_config()), names)).encode()).hexdigest()[:12]


def _make(folder: Path, sources: list[Path], cache_dir: Path) -> None:
    """Fill a folder aside, part by part, then give it its name: one that exists is complete."""
    aside = folder.with_name(f"{folder.name}.part")
    aside.mkdir(parents=True, exist_ok=True)
    maker = _Maker(aside, sources, cache_dir)
    order = np.random.default_rng(SEED).permutation(len(sources))
    parts = [order[start : start + PART] for start in range(0, len(order), PART)]
    started, made = time.monotonic(), 0
    for place, part in enumerate(parts):
        if maker.path(place).exists():
            continue
        maker.make(place, part)
        made += 1
        minutes = (time.monotonic() - started) / made * (len(parts) - place - 1) / 60
        print(f"part {place + 1} of {len(parts)}, {minutes:.0f} minutes left", file=sys.stderr, flush=True)
    _join(aside, sources, len(parts))
    aside.rename(folder)


class _Maker:
    """Makes the parts of a collection; what all of them share is loaded with the first."""

    def __init__(self, folder: Path, sources: list[Path], cache_dir: Path) -> None:
        self.folder, self.sources, self.cache_dir = folder, sources, cache_dir

    def path(self, place: int) -> Path:
        """Return where a part is kept."""
        return self.folder / f"part-{place:03}.npz"

    @cached_property
    def engine(self) -> Engine:
        """The network of the live configuration."""
        config = live_config()
        return load_engine(
            get_network(config.model),
            (config.layer,),
            config.input_size,
            cache_dir=self.cache_dir / "engines",
        )

    def make(self, place: int, members: NDArray[np.intp]) -> None:
        """Keep the tiles (n, d) float16 of some pictures with their numbers (n,)."""
        config = live_config()
        reduced = load_pca(config.reduction)
        vectors, numbers = [], []
        for group, views in _views(members, self.sources, config.input_size, config.resize):
            (maps,) = self.engine.run(views)
            tiles = tile_vectors(maps, reduced).reshape(len(group), -1, reduced.dims)
            for number, own in zip(group, tiles, strict=True):
                kept = own[distinct(own - self._centre(tiles), MOST_ALIKE)]
                vectors.append(kept.astype("<f2"))
                numbers.append(np.full(len(kept), number, dtype=np.int32))
        aside = self.path(place).with_suffix(".tmp.npz")
        np.savez(
            aside, vectors=np.concatenate(vectors), numbers=np.concatenate(numbers), engine=self.engine.name
        )
        aside.rename(self.path(place))

    def _centre(self, tiles: Vectors) -> NDArray[np.float32]:
        """Return the mean of the first few pictures: near enough for leaving out what is nearly the same."""
        kept = self.folder / "centre.npy"
        if not kept.exists():
            np.save(kept, tiles.mean(axis=(0, 1)))
        return np.asarray(np.load(kept), dtype=np.float32)


def _join(folder: Path, sources: list[Path], parts: int) -> None:
    """Turn the parts into the vectors to search, the queries, and what is known of them."""
    folders = {parent: number for number, parent in enumerate(sorted({path.parent for path in sources}))}
    numbers, queries, engines = [], [], set()
    with (folder / "base.f16").open("wb") as base:
        for place in range(parts):
            with np.load(folder / f"part-{place:03}.npz") as part:
                asking = part["numbers"] % QUERY_EVERY == 0
                base.write(part["vectors"][~asking].tobytes())
                numbers.append(part["numbers"][~asking])
                queries.append(part["vectors"][asking])
                engines.add(str(part["engine"]))
    asked = np.concatenate(queries).astype(np.float32)
    asked = asked[np.random.default_rng(SEED).permutation(len(asked))[:QUERIES]]
    own = np.concatenate(numbers)
    np.save(folder / "queries.npy", asked)
    np.save(folder / "labels.npy", np.array([folders[path.parent] for path in sources], dtype=np.int32)[own])
    np.save(folder / "pictures.npy", own)
    about = {
        "dims": asked.shape[1],
        "count": len(own),
        "pictures": len(sources),
        "engines": sorted(engines),
        "packages": CLIPART.is_dir() and STAMPS.is_dir(),
    }
    (folder / "facts.json").write_text(json.dumps(about, indent=1) + "\n")
    for part in folder.glob("part-*.npz"):
        part.unlink()


def _views(
    members: NDArray[np.intp], sources: list[Path], side: int, resize: str
) -> Iterator[tuple[NDArray[np.intp], RGB]]:
    """Yield the pictures' numbers and their views as the network takes them, (numbers * views, s, s, 3)."""
    groups = [members[start : start + GROUP] for start in range(0, len(members), GROUP)]

    def prepared(number: int) -> RGB:
        return np.stack([resized(view, side, resize) for view in _crops(sources[number], number)])

    def ahead(group: NDArray[np.intp]) -> list[Future[RGB]]:
        return [pool.submit(prepared, int(number)) for number in group]

    with ThreadPoolExecutor(2) as pool:
        waiting = ahead(groups[0])
        for group, following in zip(groups, [*groups[1:], members[:0]], strict=True):
            ready, waiting = waiting, ahead(following)
            yield group, np.concatenate([future.result() for future in ready])


def _crops(path: Path, number: int) -> Iterator[RGB]:
    """Yield the whole picture, then crops of it."""
    image = Image.fromarray(decoding.decode(path.read_bytes(), LIMITS))
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), reducing_gap=2.0)
    rgb = np.asarray(image)
    yield rgb
    random = np.random.default_rng((SEED, number))
    for shares in random.uniform(*SHARES, (CROPS, 2)):
        size = np.maximum(1, np.rint(shares * rgb.shape[:2])).astype(int)
        top, left = random.integers(0, rgb.shape[:2] - size + 1)
        yield np.ascontiguousarray(rgb[top : top + size[0], left : left + size[1]])
