"""A random order of pictures that stays: whoever comes or goes moves no other past another.

Pictures stand in the order of a hash of their ids. Two of them keep their order whatever else there is:
ids 1, 2, 3 shown as 2, 3, 1 are shown as 2, 1 once 3 is gone, and 4 comes in somewhere between.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


def shuffled(ids: Ids, seed: int) -> Ids:
    """Return ids (n,), all different, in the order that a seed gives them.

    The hash is the finalizer of SplitMix64, which gives no two ids the same: Steele, Lea and Flood, "Fast
    Splittable Pseudorandom Number Generators", 2014, and https://prng.di.unimi.it/splitmix64.c for its
    constants.
    """
    mixed = ids.astype(np.uint64) + np.random.default_rng(seed).integers(0, 2**64, dtype=np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ids[np.argsort(mixed ^ (mixed >> np.uint64(31)))]
