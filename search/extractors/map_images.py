"""Shows channels of a feature map as small coloured pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.types import RGB

# "inferno", perceptually uniform from black to pale yellow, at eleven even steps: van der Walt and Smith,
# CC0, https://github.com/BIDS/colormap
INFERNO = (
    "#000004", "#160b39", "#420a68", "#6a176e", "#932667", "#bc3754",
    "#dd513a", "#f37819", "#fca50a", "#f6d746", "#fcffa4",
)  # fmt: skip


def strongest_channels(means: NDArray[np.float64], count: int) -> list[int]:
    """Return the numbers of the `count` channels with the largest means, largest first.

    Equals come in the order of their numbers.
    """
    return [int(channel) for channel in np.argsort(-means, kind="stable")[:count]]


def coloured(channel: NDArray[np.float32], side: int) -> RGB:
    """Return one channel (h, w) as a picture (side, side, 3) uint8, its least value dark, its largest light.

    A channel that is the same everywhere is dark. Between places it is interpolated smoothly.
    """
    from PIL import Image

    low, high = float(channel.min()), float(channel.max())
    shares = (channel - low) / (high - low) if high > low else np.zeros_like(channel)
    smooth = Image.fromarray(shares.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    # bicubic interpolation swings a little past its ends
    exact = np.clip(np.asarray(smooth), 0, 1)
    points = np.array([[int(colour[n : n + 2], 16) for n in (1, 3, 5)] for colour in INFERNO])
    steps = np.linspace(0, 1, len(points))
    return np.stack(
        [np.rint(np.interp(exact, steps, points[:, n])).astype(np.uint8) for n in range(3)], axis=-1
    )
