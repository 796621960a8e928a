"""The networks of a model that was added, as OpenVINO reads them: from pixels or tokens to unit vectors."""

from __future__ import annotations

from typing import Any

from gallery.errors import WeightsError
from search.extractors.engines.openvino import import_openvino
from search.extractors.networks.added import onnx_graph
from search.extractors.networks.added.added_models import TEXT, VISUAL, AddedModel

TINY = 1e-12


def from_pixels(model: AddedModel) -> Any:
    """Return a network from RGB pixels (n, s, s, 3) uint8 to maps (n, 1, 1, d) float32 of unit length.

    Raises:
        WeightsError: `visual.onnx` cannot be read, or is not what `model.json` says.
    """
    openvino = import_openvino()
    network = onnx_graph.read(model.folder / VISUAL)
    side, axes = onnx_graph.taken_by(network, model.preprocessing)
    unit = _unit(_output(network, VISUAL, "visual_output", model.visual_output, model.dims))
    operations = openvino.opset13
    maps = operations.unsqueeze(unit, operations.constant([1, 2]))
    part = openvino.Model([operations.result(maps)], network.get_parameters(), "network")
    onnx_graph.take_any_number(part, side, axes)
    return onnx_graph.taking_pixels(part, model.preprocessing, axes).build()


def from_tokens(model: AddedModel, count: int) -> Any:
    """Return a network from tokens (n, context) to unit vectors (n, d) float32; `count` is n, -1 for any.

    It has one input, the ids, or a second one: 1 where a token stands, 0 where the text was filled up.

    Raises:
        WeightsError: `text.onnx` cannot be read, or is not what `model.json` says.
    """
    openvino = import_openvino()
    assert model.text is not None
    network = onnx_graph.read(model.folder / TEXT)
    ids_and_mask(network)
    unit = _unit(_output(network, TEXT, "text_output", model.text.output, model.dims))
    part = openvino.Model([openvino.opset13.result(unit)], network.get_parameters(), "text")
    context = model.text.context_length
    taken = part.inputs[0].partial_shape[1]
    if taken.is_static and taken.get_length() != context:
        raise WeightsError(
            f"{TEXT} takes {taken.get_length()} tokens, and context_length in model.json is {context}."
        )
    try:
        part.reshape({one.any_name: openvino.PartialShape([count, context]) for one in part.inputs})
    except RuntimeError as error:
        raise WeightsError(
            f"{TEXT} does not take {'any number of texts' if count < 0 else 'a text'} of {context} tokens: "
            f"correct context_length. {onnx_graph.in_words(error)}"
        ) from error
    return part


def ids_and_mask(network: Any) -> tuple[Any, Any | None]:
    """Return the input of tokens and that of the mask, None where there is none. Raises: WeightsError."""
    inputs = list(network.inputs)
    masks = [one for one in inputs if "mask" in one.any_name.lower()]
    others = [one for one in inputs if one not in masks]
    whole = all(one.get_element_type().is_integral_number() for one in inputs)
    flat = all(one.partial_shape.rank.is_static and len(one.partial_shape) == 2 for one in inputs)
    if len(others) != 1 or len(masks) > 1 or not (whole and flat):
        shown = ", ".join(f"{one.any_name} {one.partial_shape}" for one in inputs)
        raise WeightsError(
            f"{TEXT} has to take tokens as whole numbers (n, context), and at most an attention mask beside, "
            f"not {shown}."
        )
    return others[0], masks[0] if masks else None


def known_tokens(network: Any) -> int | None:
    """Return how many tokens a network for text has vectors of, None where that cannot be seen.

    They are the rows of the table that its ids choose from.
    """
    ids, _ = ids_and_mask(network)
    waiting = [ids.get_node()]
    while waiting:
        for target in waiting.pop().output(0).get_target_inputs():
            node = target.get_node()
            kind = node.get_type_name()
            if kind == "Gather" and target.get_index() == 1:
                table = node.input_value(0).get_partial_shape()
                if len(table) == 2 and table[0].is_static:
                    return int(table[0].get_length())
            elif kind in ("Convert", "Reshape", "Unsqueeze", "Squeeze") and target.get_index() == 0:
                waiting.append(node)
    return None


def _output(network: Any, file: str, key: str, name: str, dims: int) -> Any:
    """Return the output with the vectors: that of a name, else the only one of (n, dims)."""
    fitting = []
    for one in network.outputs:
        shape = one.partial_shape
        if name and name not in one.get_names():
            continue
        if (
            shape.rank.is_static
            and len(shape) == 2
            and (not shape[1].is_static or shape[1].get_length() == dims)
        ):
            fitting.append(one)
    if len(fitting) == 1:
        return fitting[0].get_node().input_value(0)
    shown = ", ".join(f"{one.any_name} {one.partial_shape}" for one in network.outputs)
    wanted = f"called {name!r} " if name else ""
    raise WeightsError(
        f"{file} has {'no output' if not fitting else 'several outputs'} {wanted}of (n, {dims}); its outputs "
        f"are {shown}. Correct dims or {key} in model.json."
    )


def _unit(vectors: Any) -> Any:
    operations = import_openvino().opset13
    in_full = operations.convert(vectors, "f32")
    return operations.normalize_l2(in_full, operations.constant([1]), TINY, "add")
