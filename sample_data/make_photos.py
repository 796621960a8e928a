"""Make the dataset photos200 out of photographs of six Debian packages, as photos_selection.csv lists them.

The same selection, packages and Pillow give the same bytes:

    apt-get download gcompris-qt-data gnome-taquin lomiri-wallpapers-16.04 \\
        mate-backgrounds scratch tuxpaint-data
    for deb in *.deb; do dpkg-deb -x "$deb" unpacked; done
    python sample_data/make_photos.py --root unpacked --out sample_data
"""

import argparse
import csv
import functools
import io
import shutil
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from make_sample_data import Fingerprint, fingerprint, same_image
from PIL import Image

LONGEST_SIDE_PX = 512
VERSIONS = {
    "gcompris-qt-data": "3.1-2",
    "gnome-taquin": "3.38.1-2+b1",
    "lomiri-wallpapers-16.04": "20.04.0-2",
    "mate-backgrounds": "1.26.0-1",
    "scratch": "1.4.0.6~dfsg1-6.1",
    "tuxpaint-data": "1:0.9.28-sdl2-1",
}
COLUMNS = ("file", "category", "author", "licence", "url", "source")


@dataclass(frozen=True)
class Selected:
    """One row of the selection: which photograph of which package goes where, and whose it is."""

    category: str
    name: str
    package: str
    path: str  # ARCHIVE.rcc!MEMBER for a file inside a Qt resource archive
    author: str
    licence: str
    url: str

    @property
    def file(self) -> str:
        """Return where it goes."""
        return f"{self.category}/{self.name}.jpg"

    def described(self) -> dict[str, str]:
        """Return its row of the table that lies beside the photographs."""
        source = f"{self.package} {VERSIONS[self.package]} {self.path}"
        values = (self.file, self.category, self.author, self.licence, self.url, source)
        return dict(zip(COLUMNS, values, strict=True))


class QtResources:
    """The files inside a Qt resource archive (.rcc), of which Python has no reader."""

    def __init__(self, content: bytes) -> None:
        magic, version, self._tree, self._data, self._names = struct.unpack_from(">4s4I", content)
        if magic != b"qres":
            raise ValueError("This is no Qt resource archive.")
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


def write_images(selection: Iterable[Selected], root: Path, folder: Path) -> Iterator[dict[str, str]]:
    """Write the photographs and yield their rows of the table.

    Raises: SystemExit: two are the same, or one the mirror of the other, or share a file name.
    """
    seen: dict[str, Fingerprint] = {}
    for row in selection:
        image = opened(root, row.path)
        levels = fingerprint(image)
        for earlier, other in seen.items():
            if earlier == row.file or same_image(levels, other):
                raise SystemExit(f"{row.path} repeats {earlier}: take one of them out of the selection")
        seen[row.file] = levels
        (folder / row.file).parent.mkdir(parents=True, exist_ok=True)
        image.save(folder / row.file, "JPEG", quality=85, optimize=True)
        yield row.described()


def main() -> None:
    """Make the dataset anew."""
    Image.MAX_IMAGE_PIXELS = None  # the wallpapers are trusted and large
    parser = argparse.ArgumentParser(description="Make the sample photographs from six Debian packages.")
    parser.add_argument("--root", type=Path, required=True, help="folder the packages are unpacked in (or /)")
    parser.add_argument("--out", type=Path, required=True, help="folder the dataset is written to")
    parser.add_argument("--selection", type=Path, default=Path(__file__).with_name("photos_selection.csv"))
    options = parser.parse_args()
    with options.selection.open(newline="", encoding="utf-8") as rows:
        selection = [Selected(**row) for row in csv.DictReader(rows)]
    folder = options.out / "photos200"
    shutil.rmtree(folder, ignore_errors=True)
    table = sorted(write_images(selection, options.root, folder), key=lambda row: row["file"])
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    size_bytes = sum(file.stat().st_size for file in folder.rglob("*.jpg"))
    print(f"photos200: {len(table)} photographs, {size_bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
