"""What a network is to the rest of the program: name, preprocessing, weights and layers as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from search.extractors.networks.layer_info import Layer


class Builder(Protocol):
    """Builds a Keras model from raw RGB pixels (n, s, s, 3) float32 in 0..255 to the map of each layer.

    One layer gives one output (n, h, w, c), several a list in the order asked. `input_size` fixes `s`.
    """

    def __call__(self, layers: tuple[str, ...], input_size: int | None = None) -> Any:
        """Return the model."""
        ...


WriteIR = Callable[[tuple[str, ...], int, Path], None]
Head = tuple[NDArray[np.float32], NDArray[np.float32]]  # (c, classes) and (classes,)
Compute = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def _nothing() -> None:
    """Do nothing: there is nothing to check or to fetch."""


@dataclass(frozen=True)
class Network:
    """A network with everything needed to run it.

    `source` is what `from_source` makes the same value of in another process. `input_size` is the side in
    pixels the network was trained at. `layers` are ordered from the first convolution to the last activation,
    "top"; `describe` returns what is known of them without loading anything heavy. `builder` builds the
    network with its weights, `build_without_weights` without. `compute` stands in for both where features are
    not made by a network. `digest` returns the SHA-256 of the weights. `check` raises `WeightsError` with
    what to do when the weights cannot be had; `fetch` tries to get them and raises the same when that fails.
    A `baseline` is there to be compared with. `converted` is the folder of the whole network as OpenVINO
    takes it, where that came with the installation. `write_ir` writes the OpenVINO file of some layers at an
    input size into a folder, where no Keras model stands behind the network. `resize` is how images are made
    square for it, "" the usual way. `head` reads the classifier behind the average of the map of `top`: a
    matrix (c, 1000) and a bias (1000,), in the order of ImageNet's classes; None where the weights lack it.
    """

    name: str
    title: str
    source: str
    input_size: int
    layers: tuple[str, ...]
    baseline: bool = False
    builder: Builder = field(kw_only=True, repr=False, compare=False)
    build_without_weights: Builder = field(kw_only=True, repr=False, compare=False)
    describe: Callable[[], tuple[Layer, ...]] = field(kw_only=True, repr=False, compare=False)
    digest: Callable[[], str] = field(kw_only=True, repr=False, compare=False)
    check: Callable[[], object] = field(default=_nothing, kw_only=True, repr=False, compare=False)
    fetch: Callable[[], object] = field(default=_nothing, kw_only=True, repr=False, compare=False)
    shape_at: Callable[[str, int], tuple[int, int, int]] | None = field(
        default=None, kw_only=True, repr=False, compare=False
    )
    compute: Compute | None = field(default=None, kw_only=True, repr=False, compare=False)
    converted: Path | None = field(default=None, kw_only=True, repr=False, compare=False)
    write_ir: WriteIR | None = field(default=None, kw_only=True, repr=False, compare=False)
    resize: str = field(default="", kw_only=True)
    head: Callable[[], Head] | None = field(default=None, kw_only=True, repr=False, compare=False)

    @property
    def weights_digest(self) -> str:
        """Return the SHA-256 of the weights.

        Raises:
            WeightsError: there are none.
        """
        return self.digest()

    @property
    def parameters(self) -> int:
        """Return the number of parameters up to the last layer; 0 while the network is not described."""
        layers = self.described() if self.layers else ()
        return layers[-1].parameters if layers else 0

    def described(self) -> tuple[Layer, ...]:
        """Return the description of the layers, in order, without loading a heavy library.

        It is empty for a network from outside that nobody has looked into yet; `fetch` does.
        """
        return self.describe()

    def map_shape(self, layer: str, input_size: int) -> tuple[int, int, int]:
        """Return the shape (h, w, c) of a layer's feature map for a square input.

        Raises:
            NotFoundError: there is no such layer, or the network takes only its own input size.
        """
        self.require_layer(layer)
        if self.shape_at is not None:
            return self.shape_at(layer, input_size)
        if input_size != self.input_size:
            raise NotFoundError(f"{self.title} takes images of {self.input_size} pixels a side only.")
        return next(found.shape for found in self.described() if found.name == layer)

    def require_layer(self, layer: str) -> None:
        """Refuse a layer that is not one of the eight layers.

        Raises:
            NotFoundError: there is no such layer.
            WeightsError: the network is not described yet, so that its layers are unknown.
        """
        if not self.layers:
            raise WeightsError(self.unavailable_reason())
        if layer not in self.layers:
            raise NotFoundError(f"{self.title} has no layer {layer!r}; it has {', '.join(self.layers)}.")

    def unavailable_reason(self) -> str:
        """Return why the network cannot be used now and what to do about it, or "" when it can."""
        try:
            self.check()
        except WeightsError as error:
            return error.detail
        return ""
