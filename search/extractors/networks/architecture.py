"""What a network is to the rest of the program: name, preprocessing, weights and tap layers as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from search.extractors.networks.layer_info import Tap


class Builder(Protocol):
    """Builds a Keras model from raw RGB pixels (n, s, s, 3) float32 in 0..255 to the map of each tap.

    One tap gives one output (n, h, w, c), several a list in the order asked. `input_size` fixes `s`.
    """

    def __call__(self, taps: tuple[str, ...], input_size: int | None = None) -> Any:
        """Return the model."""
        ...


Compute = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def _nothing() -> None:
    """Do nothing: there is nothing to check or to fetch."""


@dataclass(frozen=True)
class Architecture:
    """A network with everything needed to run it.

    `source` is what `from_source` makes the same value of in another process. `input_size` is the side in
    pixels the network was trained at. `taps` are ordered from the first convolution to the last activation,
    "top"; `describe` returns what is known of them without loading anything heavy. `builder` builds the
    network with its weights, `layout` without. `compute` stands in for both where features are not made by a
    network. `digest` returns the SHA-256 of the weights. `check` raises `WeightsError` with what to do when
    the weights cannot be had; `fetch` tries to get them and raises the same when that fails. A `baseline` is
    there to be compared with.
    """

    name: str
    title: str
    source: str
    input_size: int
    taps: tuple[str, ...]
    baseline: bool = False
    builder: Builder = field(kw_only=True, repr=False, compare=False)
    layout: Builder = field(kw_only=True, repr=False, compare=False)
    describe: Callable[[], tuple[Tap, ...]] = field(kw_only=True, repr=False, compare=False)
    digest: Callable[[], str] = field(kw_only=True, repr=False, compare=False)
    check: Callable[[], object] = field(default=_nothing, kw_only=True, repr=False, compare=False)
    fetch: Callable[[], object] = field(default=_nothing, kw_only=True, repr=False, compare=False)
    shape_at: Callable[[str, int], tuple[int, int, int]] | None = field(
        default=None, kw_only=True, repr=False, compare=False
    )
    compute: Compute | None = field(default=None, kw_only=True, repr=False, compare=False)

    @property
    def weights_digest(self) -> str:
        """Return the SHA-256 of the weights.

        Raises:
            WeightsError: there are none.
        """
        return self.digest()

    @property
    def parameters(self) -> int:
        """Return the number of parameters up to the last tap; 0 while the network is not described."""
        taps = self.described() if self.taps else ()
        return taps[-1].parameters if taps else 0

    def described(self) -> tuple[Tap, ...]:
        """Return the description of the taps, in order, without loading a heavy library.

        It is empty for a network from outside that nobody has looked into yet; `fetch` does.
        """
        return self.describe()

    def map_shape(self, tap: str, input_size: int) -> tuple[int, int, int]:
        """Return the shape (h, w, c) of a tap's feature map for a square input.

        Raises:
            NotFoundError: there is no such tap, or the network takes only its own input size.
        """
        self.require_tap(tap)
        if self.shape_at is not None:
            return self.shape_at(tap, input_size)
        if input_size != self.input_size:
            raise NotFoundError(f"{self.title} takes pictures of {self.input_size} pixels a side only.")
        return next(found.shape for found in self.described() if found.name == tap)

    def require_tap(self, layer: str) -> None:
        """Refuse a layer that is not one of the eight taps.

        Raises:
            NotFoundError: there is no such tap.
            WeightsError: the network is not described yet, so that its taps are unknown.
        """
        if not self.taps:
            raise WeightsError(self.unavailable_reason())
        if layer not in self.taps:
            raise NotFoundError(f"{self.title} has no layer {layer!r}; it has {', '.join(self.taps)}.")

    def unavailable_reason(self) -> str:
        """Return why the network cannot be used now and what to do about it, or "" when it can."""
        try:
            self.check()
        except WeightsError as error:
            return error.detail
        return ""
