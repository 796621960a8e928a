"""What a file declares, read from its header without a decoder, in a bounded number of steps.

A file that Pillow opened may have taken memory for the whole image already (WebP), or much time for a header
of many small parts. Of TIFF and AVIF, and of headers that are not as files usually are, nothing is said
here: a decoder process looks at those.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

from gallery.imaging.colours import colour_profiles, png_colours
from gallery.imaging.colours.colour_profiles import GREY, INKS, NONE, Profile
from gallery.imaging.files import formats
from gallery.imaging.files.formats import Format

# more parts than any usual file has before its pixels: a colour profile takes up to 255 of a JPEG
MOST_SEGMENTS = 600
MOST_EXIF_BYTES = 2**18
MOST_SCANS = 64
MOST_GIF_BLOCKS = 4096
# PNG: parts beside those with pixels, of which there is about one for each 8 KiB
MOST_CHUNKS = 200
LEAST_CHUNK_BYTES = 512
MOST_METADATA_BYTES = 2**23
TEXT_TIMES = 5  # bytes that a byte of text takes as text, with its own
INFLATED_BYTES = 2 * 2**20  # of one packed text, with a copy: Pillow unpacks no more than half of that
_INFLATED = (b"zTXt", b"iTXt", b"iCCP")
MOST_PROFILE_BYTES = 2**22
# what LittleCMS makes of a profile with tables
TABLE_TIMES = 8
TABLE_BYTES = 2**22

# Bytes that decoding holds for each pixel of the full size, beside the result; measured, see
# tests/gallery/imaging/test_memory.py.
WEBP_HELD = 16.5
GIF_HELD = 2.5
BMP_RUNS_HELD = 4.0
COLOUR_HELD = 4.0
GREY_HELD = 1.0
DEEP_GREY_HELD = 2.0
COEFFICIENT_BYTES = 2.0

_STANDALONE = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class Declared:
    """What a header says.

    `size` is (width, height) as stored, in pixels; `held` the bytes that decoding holds for each of them
    beside the result; `extra` more bytes, whatever the size. `plain` files are decoded where they are asked
    for, others by a decoder process. `scales` says that libjpeg reads it at a reduced scale, `in_inks` that
    Pillow has to turn its colours into RGB. `profile` is what they are converted from. `metadata` has the
    EXIF of a JPEG, as Pillow names it. `deep` says that a colour has 16 bits, of which Pillow keeps eight.
    `note` is a sentence for whoever looks at the image.
    """

    kind: Format
    size: tuple[int, int]
    held: float
    extra: int = 0
    plain: bool = True
    scales: bool = False
    in_inks: bool = False
    metadata: dict[str, bytes] = field(default_factory=dict)
    space: bytes = colour_profiles.RGB
    profile: Profile = NONE
    deep: bool = False
    note: str = ""

    @property
    def pixels(self) -> int:
        """How many pixels it has."""
        return self.size[0] * self.size[1]


def declared(kind: Format, data: bytes) -> Declared | None:
    """Return what the header of a file says; None where a decoder has to be asked."""
    walk = _WALKS.get(kind.name)
    try:
        found = walk(data) if walk is not None else None
    except (struct.error, IndexError):
        return None
    return found if found is not None and min(found.size) > 0 else None


def _jpeg(data: bytes) -> Declared | None:
    position, metadata, frame, profile = 2, dict[str, bytes](), b"", dict[int, bytes]()
    for _ in range(MOST_SEGMENTS):
        marker = data[position + 1]
        if data[position] != 0xFF or marker == 0xFF:
            return None
        position += 2
        if marker in _STANDALONE:
            continue
        length = struct.unpack_from(">H", data, position)[0]
        body = data[position + 2 : position + length]
        if marker == 0xE1:
            _keep_metadata(metadata, body)
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0"):
            profile.setdefault(body[12], body)
            if sum(map(len, profile.values())) > MOST_PROFILE_BYTES:
                return None
        elif marker in _FRAMES:
            if frame or marker not in (0xC0, 0xC1, 0xC2):
                return None
            frame = bytes([marker]) + body
        elif marker == 0xDA:
            found = _jpeg_frame(frame, body[0], data, metadata)
            return with_profile(found, _joined(profile)) if found is not None and profile else found
        position += length
    return None


def with_profile(declared: Declared, content: bytes) -> Declared:
    """Return what is declared with a colour profile, where pixels have to be converted from that."""
    profile = colour_profiles.needed(content, declared.space)
    if not profile.content:
        return declared
    is_plain = declared.plain and profile.plain
    held = 0 if profile.plain else TABLE_TIMES * len(profile.content) + TABLE_BYTES
    return replace(declared, profile=profile, plain=is_plain, extra=declared.extra + held)


def _joined(segments: dict[int, bytes]) -> bytes:
    """Return the profile of a JPEG; empty where a part is missing, as browsers see it."""
    numbers = sorted(segments)
    count = segments[numbers[0]][13]
    return b"".join(segments[one][14:] for one in numbers) if numbers == list(range(1, count + 1)) else b""


def _keep_metadata(metadata: dict[str, bytes], body: bytes) -> None:
    if body.startswith(b"Exif\0\0"):
        known = metadata.get("exif", b"")
        if len(known) < MOST_EXIF_BYTES:  # the orientation stands at its beginning
            metadata["exif"] = known + body[6:] if known else body


def _jpeg_frame(frame: bytes, in_scan: int, data: bytes, metadata: dict[str, bytes]) -> Declared | None:
    """Read a frame header: bits, height, width, components, each with its sampling factors.

    Where one scan does not hold all of a row, libjpeg keeps the coefficients of the whole image.
    """
    marker, bits, height, width, components = struct.unpack_from(">BBHHB", frame)
    if bits != 8 or components not in (1, 3, 4):
        return None
    sampling = [divmod(frame[8 + 3 * number], 16) for number in range(components)]
    across, down = max(x for x, _ in sampling), max(y for _, y in sampling)
    if not across or not down:
        return None
    is_buffered = marker == 0xC2 or in_scan < components
    share = sum(x * y for x, y in sampling) / (across * down)
    return Declared(
        formats.JPEG,
        (width, height),
        held=COEFFICIENT_BYTES * share if is_buffered else 0.0,
        plain=components < 4 and (not is_buffered or data.count(b"\xff\xda") <= MOST_SCANS),
        scales=True,
        in_inks=components == 4,
        metadata=metadata,
        space=INKS if components == 4 else GREY if components == 1 else colour_profiles.RGB,
    )


def _png(data: bytes) -> Declared | None:
    if data[12:16] != b"IHDR":
        return None
    width, height, depth, colours = struct.unpack_from(">IIBB", data, 16)
    held = COLOUR_HELD * 2 if depth == 16 else COLOUR_HELD
    if colours in (0, 3):
        held = DEEP_GREY_HELD if depth == 16 else GREY_HELD
    metadata_bytes = _png_metadata(data)
    found = Declared(
        formats.PNG,
        (width, height),
        held,
        extra=metadata_bytes or 0,
        plain=metadata_bytes is not None,
        space=GREY if colours in (0, 4) else colour_profiles.RGB,
        deep=depth == 16 and colours != 0,
    )
    return with_profile(found, png_colours.profile(data)) if metadata_bytes is not None else found


def _png_metadata(data: bytes) -> int | None:
    """Return what Pillow may hold of a PNG's metadata; None where that is much, or in very many parts."""
    most = MOST_CHUNKS + len(data) // LEAST_CHUNK_BYTES
    position, chunks, others, held = 33, 0, 0, 0
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name == b"IEND":
            break
        chunks += 1
        if name != b"IDAT":
            others += 1
            held += length * TEXT_TIMES + (INFLATED_BYTES if name in _INFLATED else 0)
        # a second header would declare another size
        if name == b"IHDR" or chunks > most or others > MOST_CHUNKS or held > MOST_METADATA_BYTES:
            return None
        position += 12 + length
    return held


def _webp(data: bytes) -> Declared | None:
    name = data[12:16]
    plain = True
    if name == b"VP8X":
        # animations are walked frame by frame when they are opened
        plain = not data[20] & 2
        size = (int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1)
    elif name == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        size = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    elif name == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        size = (width & 0x3FFF, height & 0x3FFF)
    else:
        return None
    # a copy of the file, and metadata may be nearly all of it
    found = Declared(formats.WEBP, size, WEBP_HELD, extra=2 * len(data), plain=plain)
    if name == b"VP8X" and data[20] & 0x20 and data[30:34] == b"ICCP":
        length = int.from_bytes(data[34:38], "little")
        return with_profile(found, data[38 : 38 + length])
    return found


def _gif(data: bytes) -> Declared | None:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    for _ in range(MOST_GIF_BLOCKS):
        if data[position] == 0x2C:
            left, top, across, down = struct.unpack_from("<4H", data, position + 1)
            # the decoder makes room for a first frame that reaches beyond the screen
            return Declared(formats.GIF, (max(width, left + across), max(height, top + down)), GIF_HELD)
        if data[position] != 0x21:
            return None
        position += 2
        while length := data[position]:
            position += 1 + length
            if position > MOST_GIF_BLOCKS * 64:  # a header of 256 KiB
                return None
        position += 1
    return None


def _bmp(data: bytes) -> Declared | None:
    header_bytes = struct.unpack_from("<I", data, 14)[0]
    if header_bytes == 12:
        width, height, _, bits = struct.unpack_from("<4H", data, 18)
        runs = False
    else:
        width, height, _, bits, packing = struct.unpack_from("<IiHHI", data, 18)
        runs = packing in (1, 2)
    held = GREY_HELD if bits <= 8 else COLOUR_HELD
    found = Declared(formats.BMP, (width, abs(height)), BMP_RUNS_HELD if runs else held, plain=not runs)
    if header_bytes == 124 and data[70:74] == b"DEBM":  # "MBED": the profile is in the file
        offset, length = struct.unpack_from("<II", data, 126)
        return with_profile(found, data[14 + offset : 14 + offset + length])
    return found


_WALKS = {"JPEG": _jpeg, "PNG": _png, "WebP": _webp, "GIF": _gif, "BMP": _bmp}
