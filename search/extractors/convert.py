"""Turns a Keras network into an OpenVINO IR file, in a process of its own.

Run as `python -m search.extractors.convert MODEL LAYER INPUT_SIZE DIRECTORY`; the caller never loads
TensorFlow.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from gallery.errors import SemsearchError
from search.extractors.engines import IR_FILE, import_openvino
from search.extractors.registry import architecture


def convert(model: str, layer: str, input_size: int, directory: Path) -> None:
    """Write `model.xml` and `model.bin` into `directory`.

    The network in them takes pixels (n, s, s, 3) uint8 and gives maps (n, h, w, c) float32.

    Raises:
        NotFoundError: there is no such network or layer.
        WeightsError: the weights cannot be had.
    """
    known = architecture(model)
    known.require_tap(layer)
    frozen = directory / "frozen.pb"
    frozen.write_bytes(_frozen_graph(known.builder((layer,)), input_size))
    openvino = import_openvino()
    openvino.save_model(openvino.convert_model(frozen), directory / IR_FILE, compress_to_fp16=False)
    frozen.unlink()


def _frozen_graph(network: Any, input_size: int) -> bytes:
    """Return the network as one graph with its variables as constants, as OpenVINO reads it."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    signature = [tf.TensorSpec((None, input_size, input_size, 3), tf.uint8, name="pixels")]
    function = tf.function(
        lambda pixels: network(tf.cast(pixels, tf.float32), training=False), input_signature=signature
    )
    constant = convert_variables_to_constants_v2(function.get_concrete_function())
    return bytes(constant.graph.as_graph_def().SerializeToString())


def main() -> int:
    """Convert what the command line names; a refusal is one line on stderr."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    model, layer, input_size, directory = sys.argv[1:]
    try:
        convert(model, layer, int(input_size), Path(directory))
    except SemsearchError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
