"""Measures what few pixels cost: every image is first reduced to a shorter side, and then scored.

Scores are those of experiments: each image searches among all others, plain vectors by cosine. Queries and
stored images are reduced alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from benchmarks.images import SAMPLES, images
from gallery.imaging import decoding
from gallery.imaging.resizing import resize
from search.experiments.scoring import ScoringOptions, rank_and_score
from search.extractors.multi_layer_extractor import MultiLayerExtractor
from search.extractors.networks.registry import get_network
from search.types import RGB, Vectors

SIDES = (32, 64, 128, None)  # pixels of the shorter side; None leaves an image as it is
MODELS = ("efficientnet-lite2", "efficientnet-lite0", "squeezenet")
POOLING, METRIC = "average", "cosine"
K = 10
BATCH = 16


def resolution(folder: Path | None = None) -> dict[str, Any]:
    """Score every layer of three networks on the images of a folder of categories, by default photos200."""
    files = images(folder or SAMPLES / "photos200")
    categories = [file.parent.name for file in files]
    limits = decoding.ImageLimits()
    pixels = [decoding.decode(file.read_bytes(), limits) for file in files]
    rows: list[dict[str, Any]] = []
    for model in MODELS:
        layers = get_network(model).layers
        network = MultiLayerExtractor(
            model, layers, pooling=POOLING, cache_dir=settings.CACHE_ROOT / "models"
        )
        for side in SIDES:
            vectors = _vectors(network, [reduced(rgb, side) for rgb in pixels])
            rows += [
                {"model": model, "layer": layer, "shorter_side": side} | _scores(one, categories)
                for layer, one in zip(layers, vectors, strict=True)
            ]
    sides = [min(rgb.shape[:2]) for rgb in pixels]
    return {
        "images": len(files),
        "shortest_side": min(sides),
        "median_shorter_side": int(np.median(sides)),
        "rows": rows,
    }


def reduced(rgb: RGB, side: int | None) -> RGB:
    """Return an image (h, w, 3) uint8 with so many pixels on its shorter side; a smaller one as it is."""
    height, width = rgb.shape[:2]
    if side is None or min(height, width) <= side:
        return rgb
    scale = side / min(height, width)
    return resize(rgb, round(width * scale), round(height * scale))


def _vectors(network: MultiLayerExtractor, pixels: list[RGB]) -> list[Vectors]:
    """Return the vectors (n, d) of each layer."""
    batches = []
    for start in range(0, len(pixels), BATCH):
        prepared: NDArray[np.uint8] = np.stack(
            [network.prepare(rgb) for rgb in pixels[start : start + BATCH]]
        )
        batches.append(network.extract(prepared))
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)]


def _scores(vectors: Vectors, categories: list[str]) -> dict[str, float]:
    """Return the mean scores at ten of all images, in percent."""
    scores = rank_and_score(vectors, categories, ScoringOptions(METRIC, K, K)).scores
    assert scores is not None
    return {
        "weighted_precision": round(100 * float(scores.weighted_precision.mean()), 1),
        "precision": round(100 * float(scores.precision.mean()), 1),
    }
