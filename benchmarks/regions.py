"""Searches with a part of an image, and for a part of one: composites of images whose parts are known.

Two or four images of different categories become one. A frame around the first is right where it finds what
its category has, and a part that is found where it lies over the image that was searched with.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.images import SAMPLES, images
from gallery.imaging import decoding
from search.extractors.feature_extractor import live_config
from search.extractors.parts import LEADS, PARTS
from search.extractors.resizing import Box
from search.features import loaded_extractors
from search.index.live import QUERY_EXPANSION, LiveIndex
from search.live.examples.framing import cropped
from search.types import RGB, Vectors

SIDE = 300  # pixels of each image in a composite
COUNT = 200  # composites of each kind
SEED = 7
BATCH = 16
K = 10
OVERLAP = 0.5  # intersection over union from which on a box counts as right
# where the images of a composite lie, in columns and rows
KINDS: dict[str, tuple[int, int]] = {"side by side": (2, 1), "one above the other": (1, 2), "four": (2, 2)}


@dataclass(frozen=True)
class Composites:
    """Composites of one kind: the pixels, the numbers (n, m) of their images, and the boxes of these (m)."""

    pixels: list[RGB]
    members: NDArray[np.int64]
    boxes: list[Box]


def regions(folder: Path | None = None) -> dict[str, Any]:
    """Measure all three kinds on the images of a folder of categories, by default objects200."""
    files = images(folder or SAMPLES / "objects200")
    limits = decoding.ImageLimits()
    pixels = [decoding.decode(file.read_bytes(), limits, shortest_side=SIDE) for file in files]
    labels = np.array([file.parent.name for file in files])
    alone, parts = _vectors(pixels)
    rows = []
    for kind, grid in KINDS.items():
        made = composites(pixels, labels, grid)
        of_made = _vectors(made.pixels)
        of_kind: dict[str, Any] = {"composites": kind}
        of_kind |= _framed(made, of_made[0], alone, labels)
        of_kind |= _found(made, of_made, (alone, parts))
        rows.append(of_kind)
    return {"images": len(files), "kinds": rows} | _plain(alone, parts, labels)


def composites(pixels: list[RGB], labels: NDArray[Any], grid: tuple[int, int]) -> Composites:
    """Return composites of images of different categories, the same ones every time."""
    columns, lines = grid
    random = np.random.default_rng(SEED)
    members: list[NDArray[np.int64]] = []
    while len(members) < COUNT:
        some = random.choice(len(pixels), columns * lines, replace=False)
        if len(set(labels[some])) == len(some):
            members.append(some)
    boxes = [
        (column / columns, line / lines, (column + 1) / columns, (line + 1) / lines)
        for line in range(lines)
        for column in range(columns)
    ]
    made = [_laid_out([pixels[number] for number in some], columns) for some in members]
    return Composites(made, np.array(members), boxes)


def _laid_out(some: list[RGB], columns: int) -> RGB:
    tiles = [_fitted(one) for one in some]
    lines = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    return np.ascontiguousarray(np.vstack(lines))


def _fitted(rgb: RGB) -> RGB:
    """Return an image in a white square, as large as it fits."""
    scale = SIDE / max(rgb.shape[:2])
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    small = Image.fromarray(rgb).resize((width, height), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (SIDE, SIDE), "white")
    square.paste(small, ((SIDE - width) // 2, (SIDE - height) // 2))
    return np.asarray(square)


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    along = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, across) * max(0.0, along)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (areas - shared)


# --- searching ------------------------------------------------------------------------------------


Found: TypeAlias = tuple[Vectors, dict[str, Vectors]]


def _vectors(pixels: list[RGB]) -> Found:
    """Return the vectors (n, d) of images, and those of each part of them, as they are stored."""
    network = loaded_extractors.extractor(live_config())
    names, batches = ["", *PARTS], []
    for start in range(0, len(pixels), BATCH):
        prepared = np.stack([network.prepare(rgb) for rgb in pixels[start : start + BATCH]])
        batches.append(network.extract_parts(prepared, names))
    found = {name: np.concatenate([one[place] for one in batches]) for place, name in enumerate(names)}
    return found.pop(""), found


def _scores(stored: Vectors, queries: Vectors, left_out: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the scores (m, n) of stored vectors as they are served; those left out (m, e) have -inf."""
    index = LiveIndex(None, np.arange(len(stored), dtype=np.int64), stored)
    found = index.search(queries, len(stored), exclude_ids=left_out, expansion=QUERY_EXPANSION)
    scores = np.full((len(queries), len(stored)), -np.inf, dtype=np.float32)
    rows, there = np.arange(len(queries))[:, None], found.ids >= 0
    scores[np.broadcast_to(rows, found.ids.shape)[there], found.ids[there]] = found.scores[there]
    return scores


def _lead(name: str) -> np.float32:
    """Return how much nearer a part has to be than the whole."""
    return np.float32(LEADS.get(name, 0))


def _weighted(scores: NDArray[np.float32], labels: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Return weighted precision@10 in percent."""
    first = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    weights = np.arange(K, 0, -1) / np.arange(1, K + 1).sum()
    return round(100 * float(((labels[first] == wanted[:, None]) @ weights).mean()), 1)


def _precision(scores: NDArray[np.float32], labels: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Return precision@10 in percent."""
    first = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    return round(100 * float((labels[first] == wanted[:, None]).mean()), 1)


def _framed(made: Composites, whole: Vectors, alone: Vectors, labels: NDArray[Any]) -> dict[str, float]:
    """Search with all of each composite and with a frame around its first image, which is no hit itself."""
    wanted = labels[made.members[:, 0]]
    frames, _ = _vectors([cropped(rgb, made.boxes[0]) for rgb in made.pixels])
    asked = {"whole": whole, "framed": frames, "image_itself": alone[made.members[:, 0]]}
    found = {name: _scores(alone, queries, made.members) for name, queries in asked.items()}
    return {f"precision_{name}": _precision(scores, labels, wanted) for name, scores in found.items()} | {
        f"weighted_{name}": _weighted(scores, labels, wanted) for name, scores in found.items()
    }


def _found(made: Composites, of_made: Found, of_images: Found) -> dict[str, float]:
    """Search with each image of each composite, among all composites and the images themselves."""
    (whole, of_parts), (alone, parts) = of_made, of_images
    first = len(alone)
    queries = made.members.ravel()
    own = np.arange(first, first + len(made.members)).repeat(made.members.shape[1])
    left_out = queries[:, None]
    stored = {"": np.concatenate((alone, whole))}
    stored |= {name: np.concatenate((parts[name], of_parts[name])) for name in PARTS}
    scores = {name: _scores(rows, alone[queries], left_out) - _lead(name) for name, rows in stored.items()}
    best = np.max(list(scores.values()), axis=0)
    rows = np.arange(len(queries))
    boxes = [(0.0, 0.0, 1.0, 1.0), *PARTS.values()]
    nearest = np.argmax([one[rows, own] for one in scores.values()], axis=0)
    right = np.tile(np.arange(len(made.boxes)), len(made.members))
    shared = [overlap(boxes[part], made.boxes[which]) for part, which in zip(nearest, right, strict=True)]
    return {
        "among_ten_whole": _among_ten(scores[""], own),
        "among_ten_parts": _among_ten(best, own),
        "box_overlaps": round(100 * float(np.mean(np.array(shared) >= OVERLAP)), 1),
        "box_is_exact": round(100 * float(np.mean(np.array(shared) > 0.99)), 1),
    }


def _among_ten(scores: NDArray[np.float32], own: NDArray[np.int64]) -> float:
    """Return how often, in percent, the composite of a query is among its first ten hits."""
    before = (scores > scores[np.arange(len(own)), own][:, None]).sum(axis=1)
    return round(100 * float((before < K).mean()), 1)


def _plain(alone: Vectors, parts: dict[str, Vectors], labels: NDArray[Any]) -> dict[str, float]:
    """Search with each image among the others, as they are and with their parts."""
    left_out = np.arange(len(alone))[:, None]
    whole = _scores(alone, alone, left_out)
    of_parts = [_scores(rows, alone, left_out) - _lead(name) for name, rows in parts.items()]
    best = np.max([whole, *of_parts], axis=0)
    return {
        "plain_precision": _precision(whole, labels, labels),
        "plain_precision_with_parts": _precision(best, labels, labels),
    }
