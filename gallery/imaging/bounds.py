"""How large an image may be, and what decoding may take of memory and time."""

from __future__ import annotations

from dataclasses import dataclass

from gallery.errors import NotAnImageError, TooLargeError
from gallery.imaging import budget


@dataclass(frozen=True)
class ImageLimits:
    """The largest picture that is read: bytes of the file, pixels in all, pixels a side.

    `memory_bytes` is what all decoding of this process may take at a time. For room in that one waits up to
    `wait_s`, and for a decoder process only while fewer than `most_waiting` do, so that they never hold all
    threads of a server. One picture may take `decode_s` seconds of a processor.
    """

    max_bytes: int = 50 * 2**20
    max_pixels: int = 300_000_000
    max_side: int = 65_535
    memory_bytes: int = 512 * 2**20
    wait_s: float = 5.0
    most_waiting: int = 4
    decode_s: float = 10.0

    def check_file(self, data: bytes) -> None:
        """Raises: NotAnImageError for an empty file, TooLargeError for one of too many bytes."""
        if not data:
            raise NotAnImageError("the file is empty: choose an image")
        if len(data) > self.max_bytes:
            raise TooLargeError(
                f"the file has {_mebibytes(len(data))}; at most {_mebibytes(self.max_bytes)} are read: "
                "save it smaller or raise MAX_PICTURE_BYTES"
            )

    def check_size(self, size: tuple[int, int]) -> None:
        """Raises: TooLargeError for too many pixels, in all or a side."""
        width, height = size
        said = f"the image has {width:,} x {height:,} pixels; at most"
        if max(width, height) > self.max_side:
            raise TooLargeError(
                f"{said} {self.max_side:,} a side are read: make it smaller or raise MAX_PICTURE_SIDE"
            )
        if width * height > self.max_pixels:
            raise TooLargeError(
                f"{said} {self.max_pixels:,} in all are read: make it smaller or raise MAX_PICTURE_PIXELS"
            )

    def check_memory(self, size: tuple[int, int], needed_bytes: int) -> None:
        """Raises: TooLargeError where decoding takes more than there ever is."""
        most = budget.large_bytes(self.memory_bytes)
        if needed_bytes > most:
            raise TooLargeError(
                f"to read this image of {size[0]:,} x {size[1]:,} pixels takes {_mebibytes(needed_bytes)} "
                f"of memory, and {_mebibytes(most)} are there for one: save it smaller or as JPEG, or raise "
                "DECODE_MEMORY_MB"
            )


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB"
