"""Turns a network, mostly of Keras, into an OpenVINO IR file, in a process of its own.

Run as `python -m search.extractors.engines.convert SOURCE LAYER[,LAYER...] INPUT_SIZE DIRECTORY`; the caller
never loads TensorFlow.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from gallery.errors import SemsearchError
from search.extractors.engines.needs_tensorflow import leave_out_what_stands_beside_keras
from search.extractors.engines.openvino import import_openvino
from search.extractors.networks.converted_networks import IR_FILE
from search.extractors.networks.registry import from_source


def convert(source: str, layers: tuple[str, ...], input_size: int, directory: Path) -> None:
    """Write `model.xml` and `model.bin` into `directory`.

    The network in them takes pixels (n, s, s, 3) uint8 and gives maps (n, h, w, c) float32 of each layer.

    Raises:
        NotFoundError: there is no such network or layer.
        WeightsError: the weights cannot be had.
    """
    network = from_source(source)
    for layer in layers:
        network.require_layer(layer)
    if network.write_ir is not None:
        network.write_ir(layers, input_size, directory)
        return
    frozen = directory / "frozen.pb"
    graph, names = _frozen_graph(network.builder(layers, input_size), input_size)
    frozen.write_bytes(graph)
    openvino = import_openvino()
    from openvino.tools.ovc import convert_model

    model = _in_order(openvino, convert_model(frozen), names)
    openvino.save_model(model, directory / IR_FILE, compress_to_fp16=False)
    frozen.unlink()


def _frozen_graph(network: Any, input_size: int) -> tuple[bytes, list[str]]:
    """Return the network as one graph with its variables as constants, and the names of its outputs."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    signature = [tf.TensorSpec((None, input_size, input_size, 3), tf.uint8, name="pixels")]
    function = tf.function(
        lambda pixels: network(tf.cast(pixels, tf.float32), training=False), input_signature=signature
    )
    constant = convert_variables_to_constants_v2(function.get_concrete_function())
    names = [output.name for output in constant.outputs]
    return bytes(constant.graph.as_graph_def().SerializeToString()), names


def _in_order(openvino: Any, model: Any, names: list[str]) -> Any:
    """Return the model with its outputs in the order of `names`; OpenVINO has an order of its own."""
    results = [model.output(name).node for name in names]
    return openvino.Model(results, model.get_parameters(), "network")


def main() -> int:
    """Convert what the command line names; a refusal is one line on stderr."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    leave_out_what_stands_beside_keras()
    source, layers, input_size, directory = sys.argv[1:]
    try:
        convert(source, tuple(layers.split(",")), int(input_size), Path(directory))
    except SemsearchError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    except Exception as error:  # whatever a layer, TensorFlow or OpenVINO says
        sys.stderr.write(" ".join(str(error).split())[:300] + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
