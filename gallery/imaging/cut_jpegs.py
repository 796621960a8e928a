"""Reads of a JPEG whose end is missing what is there, as browsers do: what did not come stays white.

Only for decoder processes: how Pillow takes a file that ends too early is state of the whole process, and
these have one thread.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageFile, JpegImagePlugin

from gallery.imaging import jpeg
from gallery.imaging.colours.pixels import as_rgb
from gallery.imaging.files import formats
from gallery.imaging.files.headers import Declared
from gallery.imaging.memory import Wanted
from gallery.imaging.types import RGB

END = b"\xff\xd9"
WITHOUT_END = "The file lacks its end marker; the image is whole."
CUT = "The file is cut off: its last part is missing, or coarse."

_WHITE: dict[str, int | tuple[int, ...]] = {"L": 255, "RGB": (255, 255, 255), "CMYK": (0, 0, 0, 0)}


def whole(declared: Declared, data: bytes, wanted: Wanted) -> RGB | None:
    """Decode a JPEG that lacks nothing but its end marker; None for any other."""
    if declared.in_inks or data.rfind(END) > data.rfind(b"\xff\xda"):
        return None
    return jpeg.decoded(data + END, declared.size, wanted.factor(declared))


def decoded(declared: Declared, data: bytes, wanted: Wanted) -> RGB | None:
    """Decode as much of a JPEG as is there; None where that is nothing."""
    try:
        with _lenient(), _CutJpeg(io.BytesIO(data)) as opened:
            if opened.size != declared.size:
                return None
            if (least := wanted.least_size(declared.size)) is not None:
                opened.draft(None, least)
            opened.load()
            white = _WHITE[opened.mode]
            extremes = opened.getextrema()
            found = list(extremes) if isinstance(white, tuple) else [extremes]
            whites = white if isinstance(white, tuple) else (white,)
            if found == [(one, one) for one in whites]:
                return None
            return as_rgb(opened, profile=declared.profile)
    except formats.DAMAGE:
        return None


class _CutJpeg(JpegImagePlugin.JpegImageFile):
    """Begins white. Where each part of the file adds to the whole image, an end is made up for it."""

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.core.fill(  # type: ignore[attr-defined]
                self.mode, self.size, _WHITE[self.mode]
            )
        super().load_prepare()

    def load_read(self, read_bytes: int) -> bytes:
        if "progressive" in self.info:
            return super().load_read(read_bytes)
        assert self.fp is not None
        return self.fp.read(read_bytes)


@contextmanager
def _lenient() -> Iterator[None]:
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before
