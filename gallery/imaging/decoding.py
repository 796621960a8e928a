"""The door to the decoders: bytes of an unknown file in, a validated RGB picture out, in bounds.

What a file declares is read from its header first, and with it what decoding would take. Usual small files
are decoded by the calling thread. All others, and formats whose decoders can take much for few bytes, go to
decoder processes, which have a limit of memory and a deadline and are replaced when they die. All decoding
together stays within `ImageLimits.memory_bytes`, with what it has made for as long as that is held; who finds
no room waits, but not for ever.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from PIL import Image

from gallery.imaging import budget, decoder
from gallery.imaging.bounds import ImageLimits
from gallery.imaging.decoder import ImageFacts
from gallery.imaging.files import formats, headers
from gallery.imaging.files.formats import READABLE, in_browsers
from gallery.imaging.files.headers import Declared
from gallery.imaging.memory import Wanted, memory_needed
from gallery.imaging.processes import decoder_processes
from gallery.imaging.processes.decoder_processes import Task
from gallery.imaging.types import RGB

__all__ = [
    "READABLE", "ImageFacts", "ImageLimits", "check", "decode", "decode_with_facts", "encode_webp", "held",
    "in_browsers", "inspect",
]  # fmt: skip

# An image of more pixels is read by a decoder process even where it takes little memory: it takes time.
MOST_PIXELS_HERE = 32_000_000


def inspect(data: bytes, limits: ImageLimits) -> ImageFacts:
    """Say what a picture is from its header alone, without decoding it.

    Raises: NotAnImageError, TooLargeError, BusyError.
    """
    kind, declared = _declared(data, limits)
    if declared is None or not declared.plain or kind is formats.WEBP:
        task = Task(data, kind, limits, Wanted(), declared, only_facts=True)
        with decoder_processes.done(task) as found:
            return found[0]
    return decoder.facts(declared, data)


@contextmanager
def held(
    data: bytes, limits: ImageLimits, *, shortest_side: int | None = None, longest_side: int = 1
) -> Iterator[tuple[ImageFacts, RGB]]:
    """Decode a picture to (h, w, 3) uint8, contiguous, upright, transparency on white, and say what it is.

    The picture, which may be of hundreds of megabytes, is counted among what decoding takes while inside:
    make there what is wanted of it, decode no other, and let go of it. Facts are of the full size.

    With `shortest_side` (pixels) a larger JPEG is decoded at 1/2, 1/4 or 1/8 of its size, several times
    faster, its shortest side staying at least that long, and its longest at least `longest_side`. Of other
    formats pictures of millions of pixels are shrunk by whole steps, to three times those sides at least.

    Raises: NotAnImageError, TooLargeError, BusyError.
    """
    with ExitStack() as memory:
        yield _decoded(data, limits, Wanted(shortest_side, longest_side), memory)


def check(data: bytes, limits: ImageLimits) -> None:
    """Decode a picture for nothing but to know that it can be. Raises: as `held`."""
    with held(data, limits, shortest_side=1):
        pass


def decode(
    data: bytes, limits: ImageLimits, *, shortest_side: int | None = None, longest_side: int = 1
) -> RGB:
    """Return a picture of ours, as `held` decodes it: nobody counts what strangers' would take from here on.

    Raises: NotAnImageError, TooLargeError, BusyError.
    """
    return decode_with_facts(data, limits, shortest_side=shortest_side, longest_side=longest_side)[1]


def decode_with_facts(
    data: bytes, limits: ImageLimits, *, shortest_side: int | None = None, longest_side: int = 1
) -> tuple[ImageFacts, RGB]:
    """Return what a picture of ours is, and its pixels as `decode` does. Raises: as that."""
    with held(data, limits, shortest_side=shortest_side, longest_side=longest_side) as found:
        return found


def _decoded(data: bytes, limits: ImageLimits, wanted: Wanted, memory: ExitStack) -> tuple[ImageFacts, RGB]:
    """Decode a picture here or in a process; `memory` holds from then on what it takes."""
    kind, declared = _declared(data, limits)
    if declared is not None and declared.plain and declared.pixels <= MOST_PIXELS_HERE:
        needed = memory_needed(declared, wanted, by_pillow=not declared.scales)
        if needed <= budget.largest_small_bytes(limits.memory_bytes):
            with ExitStack() as small:
                small.enter_context(
                    budget.SMALL.taken(needed, budget.small_bytes(limits.memory_bytes), limits.wait_s)
                )
                found = _decoded_here(declared, data, wanted)
                if found is not None:
                    memory.enter_context(small.pop_all())
                    return found
    facts, rgb = memory.enter_context(decoder_processes.done(Task(data, kind, limits, wanted, declared)))
    assert rgb is not None
    return facts, rgb


def encode_webp(rgb: RGB, quality: int) -> bytes:
    """Encode a (h, w, 3) uint8 picture as lossy WebP; quality is 1 to 100, a side at most 16,383."""
    target = io.BytesIO()
    # method 2 takes half the time of Pillow's default 4, for files 3 % larger
    Image.fromarray(rgb).save(target, "WEBP", quality=quality, method=2)
    return target.getvalue()


def _decoded_here(declared: Declared, data: bytes, wanted: Wanted) -> tuple[ImageFacts, RGB] | None:
    """Decode in this thread; None for a JPEG of which libjpeg-turbo warns: Pillow then has the word."""
    if declared.scales:
        return decoder.decoded_jpeg(declared, data, wanted)
    return decoder.decoded(declared, data, wanted)


def _declared(data: bytes, limits: ImageLimits) -> tuple[formats.Format, Declared | None]:
    """Return the format, and what the header declares, where that is known without a decoder."""
    limits.check_file(data)
    kind = formats.recognised(data)
    declared = headers.declared(kind, data)
    if declared is not None:
        limits.check_size(declared.size)
    return kind, declared
