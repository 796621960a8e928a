"""The network in an ONNX file as OpenVINO reads it: its layers, and the way from pixels to their maps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gallery.errors import WeightsError
from search.extractors.engines.openvino import import_openvino
from search.extractors.networks.added.onnx_files import Preprocessing, preprocessing
from search.extractors.networks.layer_info import in_short

CONVOLUTIONS = ("Convolution", "GroupConvolution", "ConvolutionBackpropData")
ACTIVATIONS = ("Relu", "PRelu", "Elu", "Gelu", "Swish", "HSwish", "Mish", "Clamp", "Selu")
MERGES = ("Add", "Concat", "Multiply")


@dataclass(frozen=True)
class Node:
    """A node of the file whose output is a map: its name there, type, number of all and parameters so far."""

    name: str
    type: str
    index: int
    parameters: int
    shape: tuple[int, int, int]


def read(path: Path) -> Any:
    """Return the OpenVINO model of an ONNX file.

    Raises:
        WeightsError: it cannot be read.
    """
    try:
        return import_openvino().Core().read_model(path)
    except RuntimeError as error:  # whatever OpenVINO says of a damaged file
        raise WeightsError(f"OpenVINO cannot read {path}: {in_words(error)}") from error


def taken_by(model: Any, told: Preprocessing) -> tuple[int, str]:
    """Return the side of the images and the layout a model takes, told or its own.

    Raises:
        WeightsError: it takes something else than square images of three channels, or the two differ.
    """
    inputs = [one.partial_shape for one in model.inputs]
    shape = [one.get_length() if one.is_static else None for one in inputs[0]] if len(inputs) == 1 else []
    if len(shape) != 4 or (3 not in (shape[1], shape[3]) and not told.axes):
        shown = ", ".join(str(one) for one in inputs)
        unsaid = " Say layout in the JSON beside it." if shape[1:4:2] == [None, None] else ""
        raise WeightsError(
            "it has to take square RGB images, (n, 3, s, s) or (n, s, s, 3) and nothing beside, not "
            f"{shown}.{unsaid}"
        )
    axes = told.axes or ("NCHW" if shape[1] == 3 else "NHWC")
    if shape[axes.index("C")] not in (3, None):
        raise WeightsError(f"its input {inputs[0]} is not {axes}: correct layout in the JSON beside it.")
    own = {length for axis in "HW" if (length := shape[axes.index(axis)]) is not None}
    sides = own | ({told.input_size} if told.input_size else set())
    if not sides:
        raise WeightsError(f"its input is {inputs[0]}, of any size: say input_size in the JSON beside it.")
    if len(sides) != 1:
        said = f"input_size {told.input_size}" if told.input_size else "no input_size"
        raise WeightsError(
            f"its input is {inputs[0]}, and the JSON beside it says {said}: both have to be one side of a "
            "square."
        )
    return int(sides.pop()), axes


def candidates(model: Any, side: int, axes: str) -> list[Node]:
    """Return the nodes that could be layers, in the order of the graph, from the first convolution on.

    In question are activations, merges and convolutions with a square map of more than one place.

    Raises:
        WeightsError: there is none, or the network does not take any number of images.
    """
    ordered = list(model.get_ordered_ops())
    moving = _computed_from_pixels(ordered)
    found = [number for number, node in enumerate(ordered) if _is_candidate(node, moving)]
    while found and ordered[found[0]].get_type_name() not in CONVOLUTIONS:
        del found[0]
    if not found:
        raise WeightsError("it has no convolution whose feature maps could be looked at.")
    names = [ordered[number].get_friendly_name() for number in found]
    part = cut(model, names, side, axes)
    nodes = []
    parameters = parameters_up_to(ordered)
    for number, name, output in zip(found, names, part.outputs, strict=True):
        shape = output.partial_shape
        sizes = [one.get_length() if one.is_static else 0 for one in list(shape)[1:]]
        channels, height, width = sizes
        if channels and height == width > 1:
            node = ordered[number]
            nodes.append(
                Node(name, node.get_type_name(), number + 1, parameters[number], (height, width, channels))
            )
    if not nodes:
        raise WeightsError("it has no feature maps of a known square shape.")
    return nodes


def _is_candidate(node: Any, moving: set[str]) -> bool:
    kind = node.get_type_name()
    if (
        kind not in (*CONVOLUTIONS, *ACTIVATIONS, *MERGES)
        or node.output(0).partial_shape.rank.get_length() != 4
    ):
        return False
    sources = [one.get_source_output().get_node() for one in node.inputs()]
    if kind == "Multiply":  # a swish; others are scales and gates
        return any(
            one.get_type_name() in ("Sigmoid", "HardSigmoid", "HSigmoid")
            and one.input(0).get_source_output().get_node().get_friendly_name() == other.get_friendly_name()
            for one, other in (sources, reversed(sources))
        )
    # a bias is an Add as well
    return kind not in MERGES or sum(one.get_friendly_name() in moving for one in sources) > 1


def _computed_from_pixels(ordered: Sequence[Any]) -> set[str]:
    moving: set[str] = set()
    for node in ordered:
        kind = node.get_type_name()
        sources = [one.get_source_output().get_node().get_friendly_name() for one in node.inputs()]
        # a bias is brought to the rank of the map by its shape
        if kind == "Parameter" or (kind != "ShapeOf" and moving.intersection(sources)):
            moving.add(node.get_friendly_name())
    return moving


def parameters_up_to(ordered: Sequence[Any]) -> list[int]:
    """Return for each node in order how many parameters there are up to and with it."""
    counts, count = [], 0
    for node in ordered:
        if node.get_type_name() == "Constant" and node.get_element_type().is_real():
            size = 1
            for length in node.get_output_shape(0):
                size *= length
            count += size
        counts.append(count)
    return counts


def cut(model: Any, names: Sequence[str], side: int, axes: str) -> Any:
    """Return a model up to nodes, which takes any number of images of a side.

    Raises:
        WeightsError: it cannot.
    """
    openvino = import_openvino()
    by_name = {node.get_friendly_name(): node for node in model.get_ordered_ops()}
    try:
        results = [openvino.opset13.result(by_name[name].output(0)) for name in names]
        part = openvino.Model(results, model.get_parameters(), "network")
    except RuntimeError as error:
        raise WeightsError(in_words(error)) from error
    take_any_number(part, side, axes)
    return part


def take_any_number(model: Any, side: int, axes: str) -> None:
    """Let a model take any number of images of a side.

    Raises:
        WeightsError: it cannot.
    """
    try:
        model.reshape([-1, 3, side, side] if axes == "NCHW" else [-1, side, side, 3])
    except RuntimeError as error:
        raise WeightsError(
            f"it does not take any number of images of {side} pixels a side: export it with a first axis of "
            f"any length. {in_words(error)}"
        ) from error


def from_pixels(path: Path, names: Sequence[str]) -> Any:
    """Return a model from RGB pixels (n, s, s, 3) uint8 to the maps (n, h, w, c) float32 of some nodes.

    Raises:
        WeightsError: the file cannot be read.
    """
    openvino = import_openvino()
    told = preprocessing(path)
    model = read(path)
    side, axes = taken_by(model, told)
    steps = taking_pixels(cut(model, names, side, axes), told, axes)
    for number in range(len(names)):
        maps = steps.output(number)
        maps.model().set_layout(openvino.Layout("NCHW"))
        maps.tensor().set_element_type(openvino.Type.f32).set_layout(openvino.Layout("NHWC"))
    return steps.build()


def taking_pixels(model: Any, told: Preprocessing, axes: str) -> Any:
    """Return the steps that let a model take RGB pixels (n, s, s, 3) uint8; `build` makes them part of it."""
    openvino = import_openvino()
    steps = openvino.preprocess.PrePostProcessor(model)
    pixels = steps.input()
    colours = openvino.preprocess.ColorFormat
    pixels.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    pixels.tensor().set_color_format(colours.RGB)
    change = pixels.preprocess()
    if told.channels == "BGR":
        change.convert_color(colours.BGR)
    change.convert_element_type(openvino.Type.f32)
    # OpenVINO divides by a scale
    change.scale(1 / told.scale).mean(list(told.mean)).scale(list(told.std))
    pixels.model().set_layout(openvino.Layout(axes))
    return steps


def write_ir(path: Path, names: Sequence[str], file: Path) -> None:
    """Write the network of an ONNX file from pixels up to nodes, as OpenVINO's own file.

    Raises:
        WeightsError: the file cannot be read.
    """
    import_openvino().save_model(from_pixels(path, names), file, compress_to_fp16=False)


def in_words(error: Exception) -> str:
    """Return what OpenVINO says of an error, without the places in its own source."""
    told = str(error)
    if "Unable to read the model" in told:
        return "it is damaged, or no ONNX file."
    if outside := re.search(r"externally stored data in file \(([^,)]+)", told):
        return f"its weights are in {outside[1]}, which has to lie beside it, whole."
    if unknown := re.search(r"No conversion rule found for operations: (.+)", told):
        return f"OpenVINO does not have {unknown[1]}: export it with operations of ONNX alone."
    places = r"Exception from \S+:\d+:|Check '.*?' failed at \S+:\d+:|FrontEnd API failed with \w+:"
    return in_short(RuntimeError(re.sub(places, "", told)))
