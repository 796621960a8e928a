"""How close a faster precision stays to float32: the pictures it is tried on, the measure and the rule."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gallery.errors import SemsearchError
from gallery.imaging import decoding
from gallery.system.home.shipped_files import shipped
from search.extractors.engines.base import Maps, Pixels
from search.extractors.pooling import pyramid
from search.extractors.resizing import DEFAULT_RESIZE, resized

SAMPLES_DIR = shipped("sample_data")
IMAGES_OF_EACH = 16
LEAST_MEAN_COSINE = 0.995
LEAST_COSINE = 0.99


@dataclass(frozen=True)
class Closeness:
    """Cosines of pooled features to those of float32: mean and lowest, of the layer where they are least."""

    mean: float
    lowest: float

    @property
    def enough(self) -> bool:
        """Say whether features of the faster precision may stand for those of float32.

        The rule is on the mean: one minus it is half the mean squared distance of the unit vectors, a
        property of the precision. The lowest is a guard against a picture that breaks; it falls with the
        number of pictures looked at, so a rule as strict on it would depend on how many they are.
        """
        return self.mean >= LEAST_MEAN_COSINE and self.lowest >= LEAST_COSINE


def closeness(exact: Sequence[Maps], other: Sequence[Maps]) -> Closeness:
    """Compare the maps (n, h, w, c) of each layer as they are stored: pooled in a pyramid, not centred."""
    cosines = np.stack([_cosines(one, two) for one, two in zip(exact, other, strict=True)])
    return Closeness(float(cosines.mean(axis=1).min()), float(cosines.min()))


def calibration_images(side: int) -> Pixels:
    """Return 32 fixed pictures (32, s, s, 3) uint8 of the sample data; without it four generated ones."""
    files = [file for dataset in ("clipart200", "objects200") for file in _chosen(SAMPLES_DIR / dataset)]
    try:
        rgbs = [decoding.decode(file.read_bytes(), decoding.ImageLimits()) for file in files]
    except (OSError, SemsearchError):
        rgbs = []
    if not rgbs:
        return generated_images(side)
    return np.stack([resized(rgb, side, DEFAULT_RESIZE) for rgb in rgbs])


def generated_images(side: int) -> Pixels:
    """Return four fixed pictures (4, s, s, 3) uint8 of smooth structure."""
    rows, columns, channels = np.ogrid[:side, :side, :3]
    waves = [
        np.sin(rows / (5 + 9 * n) + channels) + np.cos(columns / (7 + 5 * n) + rows / 40) for n in range(4)
    ]
    return np.stack([np.asarray(127.5 + 63 * wave, dtype=np.uint8) for wave in waves])


def _chosen(folder: Path) -> list[Path]:
    """Return some pictures of a sample dataset, the same in every checkout."""
    try:
        with (folder / "metadata.csv").open(newline="", encoding="utf-8") as rows:
            names = sorted(row["file"] for row in csv.DictReader(rows))
    except OSError:
        return []
    return [folder / name for name in random.Random(0).sample(names, IMAGES_OF_EACH)]


def _cosines(exact: Maps, other: Maps) -> Maps:
    with np.errstate(invalid="ignore"):
        one, two = pyramid(exact), pyramid(other)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    # Not finite counts as far away: a value that overflows in the faster precision must not pass.
    cosines = np.nan_to_num((one * two).sum(axis=1) / np.maximum(lengths, np.finfo(np.float32).tiny))
    both_empty = ~one.any(axis=1) & ~two.any(axis=1)
    return np.asarray(np.where(both_empty, 1.0, cosines), dtype=np.float32)
