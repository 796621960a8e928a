"""The colours that video formats name by number (ITU-T H.273), as profiles: of AVIF, HEIC and PNG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gallery.imaging.colours import colour_profiles

MOST_META_BYTES = 2**16
_D65 = (0.3127, 0.3290)
_C = (0.3100, 0.3160)
# red, green, blue as x, y; and the white (H.273, table 2)
_PRIMARIES = {
    1: ((0.64, 0.33, 0.30, 0.60, 0.15, 0.06), _D65),
    4: ((0.67, 0.33, 0.21, 0.71, 0.14, 0.08), _C),
    5: ((0.64, 0.33, 0.29, 0.60, 0.15, 0.06), _D65),
    6: ((0.63, 0.34, 0.31, 0.595, 0.155, 0.07), _D65),
    7: ((0.63, 0.34, 0.31, 0.595, 0.155, 0.07), _D65),
    9: ((0.708, 0.292, 0.170, 0.797, 0.131, 0.046), _D65),
    11: ((0.68, 0.32, 0.265, 0.69, 0.15, 0.06), (0.314, 0.351)),
    12: ((0.68, 0.32, 0.265, 0.69, 0.15, 0.06), _D65),
}
_POWERS = {4: 2.2, 5: 2.8, 8: 1.0}  # gammas of table 3
TELEVISION_GAMMA = 2.4  # of its screens (ITU-R BT.1886), not of its cameras
_SRGB = 13
_TELEVISION = {1, 6, 14, 15}


def profile(primaries: int, transfer: int, *, of_film: bool = True) -> bytes:
    """Return a profile of two code points; empty for the usual ones and for those that are not known.

    In the formats of films (`of_film`) browsers show the curves of television as that of sRGB.

    The curves of pictures brighter than white, 16 and 18, are none of these: they need a mapping of tones.
    """
    if of_film and transfer in _TELEVISION:
        transfer = _SRGB
    if primaries not in _PRIMARIES or (primaries == 1 and transfer == _SRGB):
        return b""
    if transfer in _TELEVISION:
        curve = colour_profiles.power_curve(TELEVISION_GAMMA)
    elif transfer == _SRGB:
        curve = colour_profiles.srgb_curve()
    elif transfer in _POWERS:
        curve = colour_profiles.power_curve(_POWERS[transfer])
    else:
        return b""
    return colour_profiles.of_primaries(*_PRIMARIES[primaries], curve)


def of_heif(metadata: Mapping[Any, Any]) -> bytes:
    """Return the profile of the code points that pillow-heif found; empty for none."""
    found = metadata.get("nclx_profile")
    if not isinstance(found, dict):
        return b""
    return profile(int(found.get("color_primaries", 2)), int(found.get("transfer_characteristics", 2)))


def of_avif(data: bytes) -> bytes:
    """Return the profile of the code points of an AVIF, of which Pillow tells nothing; empty for none."""
    at = data.find(b"colrnclx", 0, MOST_META_BYTES)
    if at < 0 or at + 12 > len(data):
        return b""
    return profile(
        int.from_bytes(data[at + 8 : at + 10], "big"), int.from_bytes(data[at + 10 : at + 12], "big")
    )
