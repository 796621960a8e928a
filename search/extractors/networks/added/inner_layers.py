"""Lays a Keras model flat: every layer in it, those of models that it calls as a layer as well."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """One call of a layer: the names of the models around it and its own, and the layer's output.

    `output` is a symbolic tensor of a graph that begins with the pixels.
    """

    path: tuple[str, ...]
    operation: Any
    output: Any


@dataclass(frozen=True)
class FlatModel:
    """A model from `pixels`, its symbolic input, and the calls of its layers in the order of the graph."""

    pixels: Any
    steps: tuple[Step, ...]

    def up_to(self, numbers: list[int]) -> Any:
        """Return a Keras model from the pixels to the outputs of some steps; of one step it is no list."""
        import keras

        outputs = [self.steps[number].output for number in numbers]
        return keras.Model(self.pixels, outputs[0] if len(outputs) == 1 else outputs)


def flat(model: Any) -> FlatModel:
    """Return the layers of a functional or sequential model with one input; they keep their weights.

    A functional model that is called as a layer has a graph of its own, which its own input feeds: none of
    its tensors can be reached from the pixels. Its layers are called once more, on what it was called on.
    """
    import keras

    pixels = keras.Input(batch_shape=model.inputs[0].shape, dtype=model.inputs[0].dtype, name="pixels")
    steps: list[Step] = []
    named: dict[str, Any] = {}

    def call(operation: Any, path: tuple[str, ...], *args: Any, **kwargs: Any) -> Any:
        name = type(operation).__name__
        within = (*path, operation.name)
        if name == "Sequential":
            (value,) = args
            for layer in operation.layers:
                value = call(layer, within, value)
            return value
        if name == "Functional":
            return through(operation, within, args[0])
        if named.setdefault(operation.name, operation) is not operation:
            # in one graph no two may have one name; ours is a model that nobody else has
            operation.name = f"{'_'.join(within)}_{len(steps)}"
        output = operation(*args, **kwargs)
        steps.append(Step(within, operation, output))
        return output

    def through(graph: Any, path: tuple[str, ...], inputs: Any) -> Any:
        # as `keras.models.clone_model` goes through a graph, which cannot tell what inner layers return
        return graph._run_through_graph(
            inputs, call_fn=lambda operation, *args, **kwargs: call(operation, path, *args, **kwargs)
        )

    if type(model).__name__ == "Sequential":
        value = pixels
        for layer in model.layers:
            value = call(layer, (), value)
    else:
        through(model, (), [pixels])
    return FlatModel(pixels, tuple(steps))


def names_of(steps: tuple[Step, ...]) -> list[str]:
    """Return a name for each step, unlike all others, in lower case with hyphens.

    A name that Keras made up, as `conv2d_17`, counts the layers of that class that the process had made
    before: the same model, trained twice, has other ones. Here such layers are counted within the model. A
    name that two layers have gets the name of the model around it, and a number where that is not enough.
    """
    own = _counted(steps)
    full = [
        name if own.count(name) == 1 else _hyphened("-".join((*_given(step.path[:-1]), name)))
        for step, name in zip(steps, own, strict=True)
    ]
    found: list[str] = []
    for name in full:
        unique, number = name, 2
        while unique in found:
            unique, number = f"{name}-{number}", number + 1
        found.append(unique)
    return found


def _counted(steps: tuple[Step, ...]) -> list[str]:
    counts: dict[str, int] = {}
    found = []
    for step in steps:
        made_up = _snake(type(step.operation).__name__)
        name = step.path[-1]
        if re.fullmatch(rf"{re.escape(made_up)}(_\d+)?", name):
            counts[made_up] = counts.get(made_up, 0) + 1
            name = f"{made_up}-{counts[made_up]}"
        found.append(_hyphened(name))
    return found


def _given(names: tuple[str, ...]) -> list[str]:
    """Return the names that people gave to models."""
    return [name for name in names if not re.fullmatch(r"(functional|sequential|model)(_\d+)?", name)]


def _hyphened(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[-80:].strip("-") or "layer"


def _snake(class_name: str) -> str:
    """Return the name that Keras makes of a class (`keras/src/utils/naming.py`)."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", class_name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
