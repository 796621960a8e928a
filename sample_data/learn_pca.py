"""Learn the PCAs that ship with the program from pictures that belong to no evaluated dataset.

Plain PCA of the live network's pooled features, over the pictures that development.csv lists with set=pca:

    python sample_data/learn_pca.py --stamps /usr/share/tuxpaint/stamps \\
        --clipart /usr/share/openclipart/png
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from search.extractors.feature_extractor import FeatureExtractor, live_config  # noqa: E402
from search.extractors.pca.components import COMPONENTS_DIR  # noqa: E402
from search.types import RGB, Vectors  # noqa: E402

BATCH = 32


def read_rgb(path: Path) -> RGB:
    """Return a picture (h, w, 3) uint8 with its transparent places white."""
    with Image.open(path) as opened:
        image = opened.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return np.asarray(Image.alpha_composite(white, image).convert("RGB"))


def listed(development: Path, chosen: str, folders: dict[str, Path]) -> list[Path]:
    """Return the pictures that development.csv lists for one set, in its order."""
    with development.open(newline="", encoding="utf-8") as rows:
        return [folders[row["package"]] / row["path"] for row in csv.DictReader(rows) if row["set"] == chosen]


def features(extractor: FeatureExtractor, paths: list[Path]) -> Vectors:
    """Return the unreduced features (n, d) float32 of the pictures, in order."""
    return np.concatenate(list(_batches(extractor, paths)))


def _batches(extractor: FeatureExtractor, paths: list[Path]) -> Iterator[Vectors]:
    for start in range(0, len(paths), BATCH):
        prepared = [extractor.prepare(read_rgb(path)) for path in paths[start : start + BATCH]]
        yield extractor.extract(np.stack(prepared))


def principal_directions(vectors: Vectors, dims: int) -> NDArray[np.float16]:
    """Return the first `dims` principal directions of (n, d) vectors as columns (d, dims) float16.

    From the smaller of the two scatter matrices, in float64; the sign of a direction is fixed by its largest
    value, so that the same pictures give the same file.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, left = np.linalg.eigh(centred @ centred.T)  # ascending
    directions = centred.T @ left[:, ::-1][:, :dims]
    directions /= np.linalg.norm(directions, axis=0)
    largest = np.abs(directions).argmax(axis=0)
    directions *= np.sign(directions[largest, np.arange(directions.shape[1])])
    return np.asarray(directions, dtype=np.float16)


def main() -> None:
    """Extract, learn, write one file for each number of dimensions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stamps", type=Path, required=True)
    parser.add_argument("--clipart", type=Path, required=True)
    parser.add_argument("--model", default="efficientnet-lite2")
    parser.add_argument("--pooling", default="pyramid")
    parser.add_argument("--dims", type=int, nargs="+", default=[512])
    parser.add_argument("--cache", type=Path, default=ROOT / "var" / "engines")
    parser.add_argument("--out", type=Path, default=COMPONENTS_DIR)
    arguments = parser.parse_args()
    folders = {"tuxpaint-stamps-default": arguments.stamps, "openclipart-png": arguments.clipart}
    config = live_config(model=arguments.model, pooling=arguments.pooling, pca_name="")
    paths = listed(ROOT / "sample_data" / "development.csv", "pca", folders)
    vectors = features(FeatureExtractor(config, cache_dir=arguments.cache, engine="openvino"), paths)
    directions = principal_directions(vectors, max(arguments.dims))
    for dims in arguments.dims:
        path = arguments.out / f"{config.model.split('-')[-1]}-{config.pooling}-{dims}.npz"
        # as `search.extractors.pca.components` reads it
        np.savez(
            path,
            components=directions[:, :dims].astype("<f2"),
            model=config.model,
            layer=config.layer,
            pooling=config.pooling,
        )
        print(f"{path.name}: {vectors.shape[1]} -> {dims} dimensions, from {len(vectors)} pictures")


if __name__ == "__main__":
    main()
