"""Measure what the live configuration should be, on the two development sets, and print the tables.

Leave-one-out weighted precision@10 over the pictures that development.csv lists as dev-photo and dev-clipart.
The sample datasets that ship are never looked at here.

    python -m benchmarks.choose_default --stamps /usr/share/tuxpaint/stamps \\
        --clipart /usr/share/openclipart/png
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search.extractors.engines.base import Maps, Pixels
from search.extractors.engines.loading import load_engine
from search.extractors.networks.registry import get_network
from search.extractors.pooling import average, flatten, gem, maximum, pyramid, unit_length
from search.extractors.resizing import resized
from search.types import RGB, Vectors

ROOT = Path(__file__).resolve().parent.parent
CUTOFF = 10
NOISE = 32  # pictures that the networks are timed with
SETS = ("dev-photo", "dev-clipart")
POOLINGS = {"average": average, "max": maximum, "gem": gem, "pyramid": pyramid, "flatten": flatten}
Labels = NDArray[np.str_]


@dataclass(frozen=True)
class Run:
    """One pass of a network over pictures."""

    model: str
    input_size: int
    resize: str = "squash"
    layer: str = "top"


@dataclass(frozen=True)
class Images:
    """A named list of pictures with their categories."""

    name: str
    paths: tuple[Path, ...]
    labels: Labels


@dataclass(frozen=True)
class Features:
    """Pooled vectors of a set, of the pictures and of their mirror images."""

    plain: Vectors
    mirrored: Vectors


@dataclass(frozen=True)
class Recipe:
    """What is done with pooled vectors before and while searching."""

    components: NDArray[np.float32] | None = None
    mirror: bool = True
    centre: bool = True
    expand: int = 0
    alpha: float = 1.0


def weighted_precision(similarity: NDArray[np.float32], labels: Labels) -> float:
    """Return the mean weighted precision@10 in percent of a square similarity matrix, the query left out.

    Sum of (k - rank + 1) over the relevant of the first k, by the sum over all k.
    """
    similarity = similarity.copy()
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :CUTOFF]
    weights = np.arange(CUTOFF, 0, -1)
    relevant = labels[nearest] == labels[:, None]
    return float((relevant * weights).sum(axis=1).mean() / weights.sum() * 100)


def similarities(features: Features, recipe: Recipe) -> NDArray[np.float32]:
    """Return the cosine (n, n) float32 of each picture as a query (row) with each stored one (column)."""
    stored = features.plain
    queries = ((stored + features.mirrored) * np.float32(0.5)) if recipe.mirror else stored
    if recipe.components is not None:
        stored, queries = stored @ recipe.components, queries @ recipe.components
    if recipe.centre:
        mean = stored.mean(axis=0, dtype=np.float32)
        stored, queries = stored - mean, queries - mean
    stored, queries = unit_length(stored), unit_length(queries)
    if recipe.expand:
        queries = expanded(queries, stored, queries @ stored.T, recipe)
    return np.asarray(queries @ stored.T, dtype=np.float32)


def expanded(queries: Vectors, stored: Vectors, similarity: NDArray[np.float32], recipe: Recipe) -> Vectors:
    """Return each query plus its first neighbours weighted by similarity to the power alpha.

    Alpha query expansion: Radenovic, Tolias and Chum, "Fine-tuning CNN Image Retrieval", section 3.5. A
    picture never helps its own query.
    """
    others = similarity.copy()
    np.fill_diagonal(others, -np.inf)
    nearest = np.argsort(-others, axis=1)[:, : recipe.expand]
    weights = np.clip(np.take_along_axis(others, nearest, axis=1), 0, None) ** recipe.alpha
    return unit_length(queries + np.einsum("nm,nmd->nd", weights, stored[nearest]))


def read_rgb(path: Path) -> RGB:
    """Return a picture (h, w, 3) uint8 with its transparent places white."""
    with Image.open(path) as opened:
        image = opened.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return np.asarray(Image.alpha_composite(white, image).convert("RGB"))


class Laboratory:
    """Extracts and keeps the pooled vectors of every (set, run, pooling) that a table asks for."""

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._kept: dict[tuple[str, Run, str], Features] = {}

    def features(self, images: Images, run: Run, pooling: str) -> Features:
        """Return the vectors of a set; the first call for a run makes all poolings of it."""
        if (images.name, run, pooling) not in self._kept:
            self._extract(images, run)
        return self._kept[images.name, run, pooling]

    def _extract(self, images: Images, run: Run) -> None:
        engine = load_engine(
            get_network(run.model), (run.layer,), run.input_size, kind="openvino", cache_dir=self._cache_dir
        )
        pooled: dict[str, list[Vectors]] = {name: [] for name in POOLINGS}
        for path in images.paths:
            square = resized(read_rgb(path), run.input_size, run.resize)
            (maps,) = engine.run(np.stack([square, square[:, ::-1]]))
            for name, pool in POOLINGS.items():
                if name != "flatten" or (run.input_size <= 260 and run.layer == "top"):
                    pooled[name].append(pool(maps))
        for name, parts in pooled.items():
            if parts:
                both = np.stack(parts)
                self._kept[images.name, run, name] = Features(both[:, 0], both[:, 1])
        print(f"  extracted {images.name} with {run}", file=sys.stderr, flush=True)


def throughput(run: Run, cache_dir: Path) -> tuple[float, float]:
    """Return (milliseconds for one picture, pictures a second in chunks), network and pyramid only."""
    engine = load_engine(
        get_network(run.model), (run.layer,), run.input_size, kind="openvino", cache_dir=cache_dir
    )
    side = run.input_size
    noise = np.random.default_rng(0).integers(0, 256, (NOISE, side, side, 3), dtype=np.uint8)
    pyramid(engine.run(noise[:1])[0])
    one = min(_seconds(engine.run, noise[:1]) for _ in range(20))
    many = min(_seconds(engine.run, noise) for _ in range(3))
    return one * 1000, len(noise) / many


def _seconds(run: Callable[[Pixels], tuple[Maps, ...]], batch: Pixels) -> float:
    started = time.perf_counter()
    pyramid(run(batch)[0])
    return time.perf_counter() - started


def joined(parts: Sequence[Features]) -> Features:
    """Return vectors put side by side, each part at unit length so that none outweighs another."""
    return Features(
        np.concatenate([unit_length(part.plain) for part in parts], axis=1),
        np.concatenate([unit_length(part.mirrored) for part in parts], axis=1),
    )


def development_sets(listing: Path, folders: dict[str, Path], names: Iterable[str]) -> list[Images]:
    """Return the named sets of development.csv."""
    with listing.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    sets = []
    for name in names:
        chosen = [row for row in rows if row["set"] == name]
        paths = tuple(folders[row["package"]] / row["path"] for row in chosen)
        sets.append(Images(name, paths, np.array([row["category"] for row in chosen])))
    return sets


class Tables:
    """Asks the questions one after the other, each a table of weighted precision on every set."""

    def __init__(
        self, laboratory: Laboratory, sets: list[Images], components: dict[str, NDArray[np.float32]]
    ) -> None:
        self._laboratory = laboratory
        self._sets = sets
        self._components = components
        self.results: dict[str, dict[str, list[float]]] = {}

    def row(self, table: str, what: str, parts: Sequence[tuple[Run, str]], recipe: Recipe) -> None:
        """Measure one recipe on one or several joined feature kinds, and print and keep it."""
        figures = []
        for images in self._sets:
            features = [self._laboratory.features(images, *part) for part in parts]
            vectors = features[0] if len(features) == 1 else joined(features)
            figures.append(round(weighted_precision(similarities(vectors, recipe), images.labels), 2))
        self.results.setdefault(table, {})[what] = figures
        print(f"{table} | {what} | " + " | ".join(f"{figure:.2f}" for figure in figures), flush=True)

    def recipe_questions(self, run: Run) -> None:
        """Compare mirroring, centring and reduction with everything else at the chosen values."""
        pyramid_parts = [(run, "pyramid")]
        for name, mirror, centre in (
            ("plain query, not centred", False, False),
            ("plain query, centred", False, True),
            ("mirrored query, not centred", True, False),
            ("mirrored query, centred", True, True),
        ):
            self.row("query and centring", name, pyramid_parts, Recipe(mirror=mirror, centre=centre))
        for name, components in self._components.items():
            for centre in (True, False):
                recipe = Recipe(components=components, centre=centre)
                self.row("reduction", f"{name}{'' if centre else ', not centred'}", pyramid_parts, recipe)

    def expansion_questions(self, run: Run) -> None:
        """Compare alpha query expansions on the reduced vectors."""
        components = next(iter(self._components.values()), None)
        for expand in (0, 1, 2, 3, 5):
            for alpha in (1.0, 2.0, 3.0) if expand else (1.0,):
                recipe = Recipe(components=components, expand=expand, alpha=alpha)
                self.row("query expansion", f"m={expand} alpha={alpha:g}", [(run, "pyramid")], recipe)

    def network_questions(self) -> None:
        """Compare networks, input sizes and poolings."""
        for number, sizes in ((0, (224, 280)), (1, (240, 300)), (2, (224, 260, 325))):
            for size in sizes:
                for pooling in POOLINGS:
                    run = Run(f"efficientnet-lite{number}", size)
                    if pooling != "flatten" or size <= 260:
                        self.row("network", f"Lite{number} @ {size}, {pooling}", [(run, pooling)], Recipe())

    def resize_questions(self, run: Run) -> None:
        """Compare the ways of making a picture square."""
        for how in ("squash", "ease", "crop", "pad"):
            other = Run(run.model, run.input_size, how)
            self.row("resize", how, [(other, "pyramid")], Recipe())

    def combination_questions(self, run: Run) -> None:
        """Compare what costs a second pass or a longer vector."""
        larger = Run(run.model, 325)
        smaller = Run(run.model, 200)
        other = Run("efficientnet-lite1", 240)
        for what, parts in (
            ("scales 200 + 260", [(smaller, "pyramid"), (run, "pyramid")]),
            ("scales 260 + 325", [(run, "pyramid"), (larger, "pyramid")]),
            ("Lite1 + Lite2", [(other, "pyramid"), (run, "pyramid")]),
            (
                "stage6 average + top pyramid",
                [(Run(run.model, 260, "squash", "stage6"), "average"), (run, "pyramid")],
            ),
            ("top average + top pyramid", [(run, "average"), (run, "pyramid")]),
            ("top max + top pyramid", [(run, "max"), (run, "pyramid")]),
        ):
            self.row("combination", what, parts, Recipe())


def shipped_components(names: Iterable[str]) -> dict[str, NDArray[np.float32]]:
    """Return projections by name, and those of half as many dimensions, which are their first columns."""
    from search.extractors.pca.components import load_pca

    full = {name: load_pca(name).components for name in names}
    return full | {f"{name}, first 256": matrix[:, :256] for name, matrix in full.items()}


def main() -> None:
    """Measure and write benchmarks/results/choose_default.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stamps", type=Path, required=True)
    parser.add_argument("--clipart", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=ROOT / "var" / "engines")
    arguments = parser.parse_args()
    folders = {"tuxpaint-stamps-default": arguments.stamps, "openclipart-png": arguments.clipart}
    run = Run("efficientnet-lite2", 260)
    sets = development_sets(ROOT / "sample_data" / "development.csv", folders, SETS)
    tables = Tables(Laboratory(arguments.cache), sets, shipped_components(["lite2-pyramid-512"]))
    tables.recipe_questions(run)
    tables.expansion_questions(run)
    tables.resize_questions(run)
    tables.network_questions()
    tables.combination_questions(run)
    for number, size in ((0, 224), (1, 240), (2, 224), (2, 260)):
        name = f"Lite{number} @ {size}"
        timed = throughput(Run(f"efficientnet-lite{number}", size), arguments.cache)
        tables.results.setdefault("speed: ms for one, images a second", {})[name] = [
            round(t, 1) for t in timed
        ]
    results = ROOT / "benchmarks" / "results" / "choose_default.json"
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(
        json.dumps({"sets": [s.name for s in sets], "tables": tables.results}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
