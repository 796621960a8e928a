"""How much memory decoding a file takes, told by its header, and at which scale it is read.

Bytes a pixel are measured, and never too low: tests/gallery/imaging/test_memory.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from gallery.imaging.files.headers import Declared
from gallery.imaging.resizing import BAND_PIXELS

# What is made of an image is shrunk from its own size where that is so small, as ever; larger ones are first
# shrunk by whole steps, but not below so many times the size that is wanted, which looks the same.
LARGE_RESULT_PIXELS = 4_000_000
LEAST_TIMES_WANTED = 3

RESULT_BYTES = 3  # a pixel
PILLOW_BYTES = 4  # a pixel in colour
BAND_BYTES = 32  # a pixel of the band that is being turned into RGB
FIXED_BYTES = 2**18


@dataclass(frozen=True)
class Wanted:
    """The least sides in pixels of what is asked for; with `shortest_side` None the image in full."""

    shortest_side: int | None = None
    longest_side: int = 1

    def least_size(self, size: tuple[int, int]) -> tuple[int, int] | None:
        """Return the least width and height that are wanted of an image of a size; None for its own."""
        if self.shortest_side is None:
            return None
        longest = max(self.shortest_side, self.longest_side)
        return (longest, self.shortest_side) if size[0] >= size[1] else (self.shortest_side, longest)

    def factor(self, declared: Declared) -> int:
        """Return by how much the sides of the result are smaller than those of the file."""
        if not declared.scales and declared.pixels <= LARGE_RESULT_PIXELS:
            return 1
        least = self.least_size(declared.size)
        if least is None:
            return 1
        times = min(declared.size[0] // least[0], declared.size[1] // least[1])
        if declared.scales:  # the one that Pillow's `draft` chooses
            return next((factor for factor in (8, 4, 2) if times >= factor), 1)
        # rows are shrunk so many at a time: of more than a band the memory was not reckoned
        most = BAND_PIXELS // declared.size[0]
        return max(1, min(times // LEAST_TIMES_WANTED, most))


def memory_needed(declared: Declared, wanted: Wanted, *, by_pillow: bool = True) -> int:
    """Return the most bytes that decoding takes at once, the result included, the file itself not.

    A JPEG is decoded `by_pillow` where libjpeg-turbo alone cannot do it.
    """
    factor = wanted.factor(declared)
    width, height = -(-declared.size[0] // factor), -(-declared.size[1] // factor)
    result = RESULT_BYTES * width * height
    decoding = int(declared.held * declared.pixels) + declared.extra
    if by_pillow:
        pixels = width * height if declared.scales else declared.pixels
        decoding += BAND_BYTES * min(pixels, BAND_PIXELS)
        if declared.scales:
            decoding += PILLOW_BYTES * pixels
    elif declared.profile.content:
        decoding += BAND_BYTES * min(width * height, BAND_PIXELS)
    # an image that was stored on its side is turned when its decoder has given back what it held
    return FIXED_BYTES + max(decoding + result, 2 * result)
