"""Make the dataset photos200 out of the photographs of six Debian packages, as photos_selection.csv lists them.

apt-get download gcompris-qt-data scratch tuxpaint-data mate-backgrounds lomiri-wallpapers-16.04 gnome-taquin
for deb in *.deb; do dpkg-deb -x "$deb" unpacked; done
python make_photos.py --root unpacked --out sample_data --selection photos_selection.csv
"""

import argparse
import csv
import functools
import io
import shutil
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Image.MAX_IMAGE_PIXELS = None  # the wallpapers are trusted and large

LONGEST_SIDE_PX = 512
COMPARED_SIDE_PX = 64
SAME_BELOW = 6.0
VERSIONS = {
    "gcompris-qt-data": "3.1-2",
    "gnome-taquin": "3.38.1-2+b1",
    "lomiri-wallpapers-16.04": "20.04.0-2",
    "mate-backgrounds": "1.26.0-1",
    "scratch": "1.4.0.6~dfsg1-6.1",
    "tuxpaint-data": "1:0.9.28-sdl2-1",
}
MANIFEST_COLUMNS = ("file", "category", "source", "licence", "author", "url")


@dataclass(frozen=True)
class Selected:
    """One row of the selection: which photograph of which package goes where, by whom, under which licence."""

    dataset: str
    category: str
    name: str
    package: str
    path: str  # ARCHIVE.rcc!MEMBER for a file inside a Qt resource archive
    author: str
    licence: str
    url: str


class QtResources:
    """The files inside a Qt resource archive (.rcc), of which Python has no reader."""

    def __init__(self, content: bytes) -> None:
        magic, version, self._tree, self._data, self._names = struct.unpack_from(">4s4I", content)
        if magic != b"qres":
            raise ValueError("no Qt resource archive")
        self._content = content
        self._node_bytes = 14 if version == 1 else 22

    def _name(self, node: int) -> str:
        (offset,) = struct.unpack_from(">I", self._content, node)
        start = self._names + offset
        (length,) = struct.unpack_from(">H", self._content, start)
        return self._content[start + 6 : start + 6 + 2 * length].decode("utf-16-be")

    def read(self, path: str) -> bytes:
        """Return the content of a file. Raises KeyError: there is none of that path."""
        node = self._tree
        for part in path.strip("/").split("/"):
            count, first = struct.unpack_from(">2I", self._content, node + 6)
            children = (self._tree + (first + at) * self._node_bytes for at in range(count))
            node = next((child for child in children if self._name(child) == part), -1)
            if node < 0:
                raise KeyError(path)
        (flags,) = struct.unpack_from(">H", self._content, node + 4)
        (offset,) = struct.unpack_from(">I", self._content, node + 10)
        start = self._data + offset
        (length,) = struct.unpack_from(">I", self._content, start)
        content = self._content[start + 4 : start + 4 + length]
        return zlib.decompress(content[4:]) if flags & 1 else content


@functools.cache
def archive(path: Path) -> QtResources:
    """Read an archive once."""
    return QtResources(path.read_bytes())


def opened(root: Path, path: str) -> Image.Image:
    """Open a photograph, whether it is a file or inside an archive, at most 512 pixels a side."""
    outer, _, inner = path.partition("!")
    content = archive(root / outer).read(inner) if inner else (root / outer).read_bytes()
    image = Image.open(io.BytesIO(content))
    image.draft("RGB", (2 * LONGEST_SIDE_PX, 2 * LONGEST_SIDE_PX))
    rgb = image.convert("RGB")
    rgb.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX), Image.Resampling.LANCZOS)
    return rgb


def fingerprint(image: Image.Image) -> NDArray[np.int16]:
    """Reduce a photograph to (64, 64, 3) levels, which near-identical ones nearly share."""
    return np.asarray(image.resize((COMPARED_SIDE_PX, COMPARED_SIDE_PX), Image.Resampling.BOX)).astype(
        np.int16
    )


def main() -> None:
    """Make the dataset anew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="folder the packages are unpacked in (or /)")
    parser.add_argument("--out", type=Path, required=True, help="folder the dataset is written to")
    parser.add_argument("--selection", type=Path, default=Path(__file__).with_name("photos_selection.csv"))
    options = parser.parse_args()
    with options.selection.open(newline="", encoding="utf-8") as rows:
        selection = [Selected(**row) for row in csv.DictReader(rows)]
    folder = options.out / "photos200"
    shutil.rmtree(folder, ignore_errors=True)
    seen: dict[str, NDArray[np.int16]] = {}
    manifest = []
    for row in selection:
        image = opened(options.root, row.path)
        file = f"{row.category}/{row.name}.jpg"
        levels = fingerprint(image)
        for earlier, other in seen.items():
            nearest = min(float(np.abs(levels - side).mean()) for side in (other, other[:, ::-1]))
            if earlier == file or nearest < SAME_BELOW:
                raise SystemExit(f"{row.path} repeats {earlier}: take one of them out of the selection")
        seen[file] = levels
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        image.save(folder / file, "JPEG", quality=85, optimize=True)
        source = f"{row.package} {VERSIONS[row.package]} {row.path}"
        manifest.append(
            dict(
                zip(
                    MANIFEST_COLUMNS,
                    (file, row.category, source, row.licence, row.author, row.url),
                    strict=True,
                )
            )
        )
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, MANIFEST_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(manifest, key=lambda entry: entry["file"]))
    print(f"{len(manifest)} photographs")


if __name__ == "__main__":
    main()
