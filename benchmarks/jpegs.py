"""Makes JPEGs like photographs in any number: mixed in size, shape and quality, all different, once and kept.

Each is a patchwork of crops of what is at hand (the sample data, and Debian's clip art and stamps where
installed) under grain whose spectrum falls with the frequency as in photographs, so that a pixel takes
about as many bytes, and so as long to decode, as in those.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.crops import OTHER_FOLDERS
from benchmarks.images import images
from gallery.errors import SemsearchError
from gallery.imaging import decoding

MADE_AS = 1  # raise when other pictures are made: those kept are then passed over
ASPECTS = (1.0, 5 / 4, 4 / 3, 3 / 2, 16 / 9)
QUALITIES = (75, 95)
SOURCES = 96
SOURCE_SIDE = 640
LIMITS = decoding.ImageLimits(max_bytes=2**20, max_pixels=4_000_000)
GRAIN_SIDE = 1024
GRAIN_LEVELS = 9.0  # grey levels, standard deviation
A_FOLDER = 200
SEED = 0


@dataclass(frozen=True)
class Sizes:
    """Between how many megapixels pictures are drawn, each doubling of the size as likely as another."""

    least: float
    most: float


MIXED = Sizes(0.1, 6.0)
SMALL = Sizes(0.03, 0.1)


def jpegs(count: int, cache_dir: Path, sizes: Sizes = MIXED) -> list[Path]:
    """Return `count` JPEGs below the cache folder, some hundreds a subfolder; the first call makes them."""
    kept = cache_dir / "benchmarks" / f"jpegs-v{MADE_AS}-{count}-{sizes.least}-{sizes.most}"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{kept.name}-", dir=kept.parent))
        try:
            _make_all(count, sizes, aside)
            aside.rename(kept)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return images(kept)


def _make_all(count: int, sizes: Sizes, folder: Path) -> None:
    # a fresh interpreter: forking one that has started a network's threads hangs
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context, initializer=_load_sources) as pool:
        orders = ((number, sizes, folder / f"{number // A_FOLDER:03}") for number in range(count))
        for number, _ in enumerate(pool.map(_make, orders, chunksize=8), start=1):
            if number % 100 == 0 or number == count:
                print(f"\r{number} of {count} JPEGs made", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


_sources: list[Image.Image] = []
_grain: list[NDArray[np.int8]] = []


def _load_sources() -> None:
    """Read what the pictures are made of, once a process."""
    random = np.random.default_rng(SEED)
    paths = [path for folder in (None, *OTHER_FOLDERS) for path in images(folder)]
    for place in random.permutation(len(paths)):
        if len(_sources) == SOURCES:
            break
        try:
            rgb = decoding.decode(paths[place].read_bytes(), LIMITS)
        except SemsearchError:
            continue
        image = Image.fromarray(rgb)
        image.thumbnail((SOURCE_SIDE, SOURCE_SIDE))
        _sources.append(image)
    _grain.append(_grain_field(random))


def _grain_field(random: np.random.Generator) -> NDArray[np.int8]:
    """Return noise (s, s) int8 whose amplitude is one over the square root of the frequency, and tiles."""
    rows = np.fft.fftfreq(GRAIN_SIDE)[:, None]
    frequency = np.hypot(rows, np.fft.rfftfreq(GRAIN_SIDE)[None])
    frequency[0, 0] = np.inf
    white = np.fft.rfft2(random.standard_normal((GRAIN_SIDE, GRAIN_SIDE)))
    field = np.fft.irfft2(white / np.sqrt(frequency), s=(GRAIN_SIDE, GRAIN_SIDE))
    levels: NDArray[np.int8] = np.clip(field * (GRAIN_LEVELS / field.std()), -127, 127).astype(np.int8)
    return levels


def _make(order: tuple[int, Sizes, Path]) -> None:
    number, sizes, folder = order
    random = np.random.default_rng([SEED, number])
    pixels = 1e6 * math.exp(random.uniform(math.log(sizes.least), math.log(sizes.most)))
    aspect = random.choice(ASPECTS)
    long, short = round(math.sqrt(pixels * aspect)), round(math.sqrt(pixels / aspect))
    width, height = (long, short) if random.random() < 0.7 else (short, long)
    image = _with_grain(_patchwork(width, height, random), random)
    folder.mkdir(exist_ok=True)
    image.save(folder / f"{number:06}.jpg", "JPEG", quality=int(random.integers(*QUALITIES, endpoint=True)))


def _patchwork(width: int, height: int, random: np.random.Generator) -> Image.Image:
    """Return a picture laid out of crops, each enlarged or shrunk to its place."""
    canvas = Image.new("RGB", (width, height))
    columns, rows = (int(random.integers(1, 4)) for _ in range(2))
    for row in range(rows):
        for column in range(columns):
            left, right = column * width // columns, (column + 1) * width // columns
            top, bottom = row * height // rows, (row + 1) * height // rows
            source = _sources[random.integers(len(_sources))]
            crop = _crop(source, random)
            tile = source.resize((right - left, bottom - top), Image.Resampling.BILINEAR, crop)
            canvas.paste(tile, (left, top))
    return canvas


def _crop(source: Image.Image, random: np.random.Generator) -> tuple[float, float, float, float]:
    share = random.uniform(0.4, 1.0, 2)
    width, height = share * source.size
    left, top = random.random(2) * (source.size - share * source.size)
    return float(left), float(top), float(left + width), float(top + height)


def _with_grain(image: Image.Image, random: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image)
    height, width = pixels.shape[:2]
    top, left = random.integers(0, GRAIN_SIDE, 2)
    rows = (np.arange(height) + top) % GRAIN_SIDE
    columns = (np.arange(width) + left) % GRAIN_SIDE
    grain = _grain[0][np.ix_(rows, columns)].astype(np.int16)
    return Image.fromarray(np.clip(pixels + grain[..., None], 0, 255).astype(np.uint8))
