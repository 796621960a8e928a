"""Feature vectors of real pictures in any number: crops of what is at hand, made once and kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.images import images
from gallery.errors import TooLargeError
from gallery.imaging import decoding
from search.extractors.feature_extractor import FeatureExtractor, live_config
from search.types import RGB, Vectors

# Debian's openclipart-png and tuxpaint-stamps-default, where installed, beside the sample data.
OTHER_FOLDERS = (Path("/usr/share/openclipart/png"), Path("/usr/share/tuxpaint/stamps"))
MODEL, POOLING = "efficientnet-lite0", "average"
LEAST_SIDE = 0.4  # share of a picture's side that a crop keeps
LIMITS = decoding.ImageLimits(max_pixels=10_000_000)  # a few of the clip art's have 200 million
BATCH = 32
SEED = 0


def crop_features(count: int, cache_dir: Path) -> tuple[Vectors, int]:
    """Return vectors (count, 1280) float32 and the number of pictures they come from.

    EfficientNet-Lite0, average of the last activation. All pictures come in one seeded order, first whole,
    then, as often as needed, each in another seeded crop of 40 to 100 % of its sides.
    """
    paths = [path for folder in (None, *OTHER_FOLDERS) for path in images(folder) if _is_readable(path)]
    kept = cache_dir / "benchmarks" / f"crops-{MODEL}-{len(paths)}-{count}.npy"
    if not kept.exists():
        vectors = _extracted(paths, count, cache_dir)
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, vectors, allow_pickle=False)
    return np.load(kept, allow_pickle=False), min(count, len(paths))


def _is_readable(path: Path) -> bool:
    try:
        decoding.inspect(path.read_bytes(), LIMITS)
    except TooLargeError:
        return False
    return True


def _extracted(paths: list[Path], count: int, cache_dir: Path) -> Vectors:
    config = live_config(model=MODEL, pooling=POOLING, pca_name="", resize="squash")
    extractor = FeatureExtractor(config, cache_dir=cache_dir / "engines")
    vectors = np.empty((count, config.dims), dtype=np.float32)
    rows: list[int] = []
    prepared: list[NDArray[np.uint8]] = []
    for row, crop in _crops(paths, count):
        rows.append(row)
        prepared.append(extractor.prepare(crop))
        if len(rows) == BATCH:
            vectors[rows] = extractor.extract(np.stack(prepared))
            rows, prepared = [], []
    if rows:
        vectors[rows] = extractor.extract(np.stack(prepared))
    return vectors


def _crops(paths: list[Path], count: int) -> Iterator[tuple[int, RGB]]:
    """Yield (row, picture), all crops of a picture together so that it is decoded once."""
    random = np.random.default_rng(SEED)
    order = random.permutation(len(paths))
    shares = random.uniform(LEAST_SIDE, 1.0, (count, 2))
    offsets = random.random((count, 2))
    shares[: len(paths)] = 1.0
    for place, number in enumerate(order[:count]):
        rgb = _bounded(decoding.decode(paths[number].read_bytes(), LIMITS))
        for row in range(place, count, len(paths)):
            size = np.maximum(1, np.rint(shares[row] * rgb.shape[:2])).astype(int)
            top, left = np.floor(offsets[row] * (rgb.shape[:2] - size + 1)).astype(int)
            yield row, np.ascontiguousarray(rgb[top : top + size[0], left : left + size[1]])


def _bounded(rgb: RGB) -> RGB:
    """Return a picture with its longer side at most 640 pixels: more is lost in the network's input."""
    image = Image.fromarray(rgb)
    image.thumbnail((640, 640), reducing_gap=2.0)
    return np.asarray(image)
