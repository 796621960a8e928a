"""A random order of any number of places that is never written down: each place is worked out alone.

A Feistel network over the next power of four, walked along its cycle until it stays below the count.
Source: Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002, section 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]

ROUNDS = 6
# odd, so that multiplying loses nothing; the golden ratio's, as in Knuth's multiplicative hashing
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
HIGH_HALF = np.uint64(32)


class Shuffle:
    """The order of `count` places that a seed gives: position -> place, and back."""

    def __init__(self, count: int, seed: int) -> None:
        self._count = count
        self._half = np.uint64(max(1, -(-max(count - 1, 1).bit_length() // 2)))
        self._mask = (np.uint64(1) << self._half) - np.uint64(1)
        self._keys = np.random.default_rng(seed).integers(0, 2**64, ROUNDS, dtype=np.uint64)

    def places(self, positions: Places) -> Places:
        """Return which place each position of the order shows; positions are below the count."""
        return self._walked(positions, backwards=False)

    def positions(self, places: Places) -> Places:
        """Return where in the order each place comes."""
        return self._walked(places, backwards=True)

    def _walked(self, numbers: Places, *, backwards: bool) -> Places:
        found = numbers.astype(np.uint64)
        beyond = np.ones(len(found), dtype=np.bool_)
        while beyond.any():
            found[beyond] = self._enciphered(found[beyond], backwards=backwards)
            beyond = found >= np.uint64(self._count)
        return found.astype(np.int64)

    def _enciphered(self, numbers: NDArray[np.uint64], *, backwards: bool) -> NDArray[np.uint64]:
        left, right = numbers >> self._half, numbers & self._mask
        for key in reversed(self._keys) if backwards else self._keys:
            if backwards:
                left, right = right ^ self._mixed(left, key), left
            else:
                left, right = right, left ^ self._mixed(right, key)
        return (left << self._half) | right

    def _mixed(self, half: NDArray[np.uint64], key: np.uint64) -> NDArray[np.uint64]:
        product = (half + key) * MULTIPLIER
        product ^= product >> HIGH_HALF
        return ((product * MULTIPLIER) >> HIGH_HALF) & self._mask
