"""What a trained network has to beat: the same network untrained, and a histogram of colours."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.extractors.networks import efficientnet_lite
from search.extractors.networks.efficientnet_lite import LiteVariant
from search.extractors.networks.layer_info import Layer

SEED = 20
RELU_GAIN, LINEAR_GAIN = 2.0, 1.0

# Eight hues, four saturations, four values: most of the bins go to hue, which changes least with the light.
HUES, SATURATIONS, VALUES = 8, 4, 4
BINS = HUES * SATURATIONS * VALUES


def untrained(variant: LiteVariant, layers: tuple[str, ...], input_size: int | None = None) -> Any:
    """Return a Lite network like `efficientnet_lite.build` with seeded random kernels in place of ImageNet's.

    Kernels are normal with variance gain / fan-in, the gain 2 behind a ReLU6 and 1 elsewhere (He et al.,
    "Delving Deep into Rectifiers", section 2.2), so that signals neither die nor explode; the rest is as
    Keras starts it.
    """
    model = efficientnet_lite.build_without_weights(variant, layers, input_size)
    generator = np.random.default_rng(SEED)
    for layer in model.layers:
        if not hasattr(layer, "kernel"):
            continue
        kernel, *bias = layer.get_weights()
        depthwise = layer.name.endswith("_depthwise_conv")
        fan_in = kernel.shape[0] * kernel.shape[1] * (1 if depthwise else kernel.shape[2])
        gain = RELU_GAIN if layer.name.endswith(("_depthwise_conv", "_project_conv")) else LINEAR_GAIN
        layer.set_weights([generator.normal(0, np.sqrt(gain / fan_in), kernel.shape), *bias])
    return model


def untrained_digest(variant: LiteVariant) -> str:
    """Return what stands for the SHA-256 of a weights file: that of the recipe."""
    recipe = (
        f"{variant.name}, normal, variance gain / fan-in, gain {RELU_GAIN} and {LINEAR_GAIN}, PCG64 {SEED}"
    )
    return hashlib.sha256(recipe.encode()).hexdigest()


def colour_histogram(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the share of pixels in each bin of hue, saturation and value, (n, s, s, 3) -> (n, 1, 1, 128).

    A joint histogram as in Swain and Ballard, "Color Indexing", in the HSV space of Smith, "Color Gamut
    Transform Pairs": bin = (hue * 4 + saturation) * 4 + value. The square root of the shares is taken, so
    that their inner product is the Bhattacharyya coefficient of two histograms.
    """
    return np.stack([_histogram(image) for image in images])[:, None, None, :]


def _histogram(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    red, green, blue = np.moveaxis(image.reshape(-1, 3).astype(np.float32), -1, 0)
    value = np.maximum(np.maximum(red, green), blue)
    span = value - np.minimum(np.minimum(red, green), blue)
    safe = np.where(span > 0, span, 1)
    sixth = np.where(
        value == red,
        (green - blue) / safe % 6,
        np.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )  # 0 <= hue < 6; grey has hue 0, and saturation 0
    saturation = span / np.where(value > 0, value, 1)
    bins = (sixth * (HUES / 6)).astype(np.intp) % HUES
    bins = bins * SATURATIONS + np.minimum((saturation * SATURATIONS).astype(np.intp), SATURATIONS - 1)
    bins = bins * VALUES + (value / 256 * VALUES).astype(np.intp)
    shares = np.bincount(bins, minlength=BINS) / len(bins)
    return np.sqrt(shares).astype(np.float32)


HISTOGRAM_LAYER = Layer("histogram", "ColourHistogram", 1, 1, 0, (1, 1, BINS))


def histogram_digest() -> str:
    """Return what stands for the SHA-256 of a weights file: that of the recipe."""
    recipe = f"colour histogram, HSV {HUES} x {SATURATIONS} x {VALUES}, square root of the shares"
    return hashlib.sha256(recipe.encode()).hexdigest()
