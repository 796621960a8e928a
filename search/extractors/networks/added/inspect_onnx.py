"""Looks at an ONNX file with OpenVINO: chooses its layers and writes down what is needed to use it.

Run as `python -m search.extractors.networks.added.inspect_onnx SOURCE CACHE_DIRECTORY`: a damaged file ends
no process but this.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from gallery.errors import WeightsError
from search.extractors.engines.openvino import import_openvino
from search.extractors.networks.added import onnx_graph
from search.extractors.networks.added.extra_networks import (
    DESCRIPTION_FORMAT,
    ExtraNetwork,
    run_inspection,
    write_description,
)
from search.extractors.networks.added.onnx_files import preprocessing
from search.extractors.networks.added.onnx_graph import Node
from search.extractors.networks.layer_info import LayerValues, spread

TRIED_WITH = 2  # images: some files take one alone


def examine(network: ExtraNetwork) -> None:
    """Write the description of a network into its folder.

    Raises:
        WeightsError: it cannot be had, or is not one that maps RGB images to feature maps.
    """
    path = network.file
    if path is None:
        raise WeightsError("it is no file.")
    told = preprocessing(path)
    model = onnx_graph.read(path)
    size, axes = onnx_graph.taken_by(model, told)
    nodes = onnx_graph.candidates(model, size, axes)
    chosen = spread(list(zip(names_of(nodes), nodes, strict=True)))
    chosen[-1] = "top", chosen[-1][1]
    _try(onnx_graph.from_pixels(path, [node.name for _, node in chosen]), size)
    digest = network.digest(path)
    write_description(
        network,
        {
            "format": DESCRIPTION_FORMAT,
            "source": network.source,
            "model_file": str(path),
            "model_digest": digest,
            "weights_digest": digest,
            "input_size": size,
            "layers": {name: node.name for name, node in chosen},
            "taps": [_values(name, node, chosen[-1][1].index) for name, node in chosen],
            "resize": told.resize,
        },
    )


def names_of(nodes: Sequence[Node]) -> list[str]:
    """Return a name for each node, its type and number: the file's own may be numbers, new each time."""
    counts: dict[str, int] = {}
    found = []
    for node in nodes:
        counts[node.type] = counts.get(node.type, 0) + 1
        found.append(f"{node.type.lower()}-{counts[node.type]}")
    return found


def _values(name: str, node: Node, total: int) -> LayerValues:
    return {
        "name": name,
        "type": node.type,
        "index": node.index,
        "total_layers": total,
        "parameters": node.parameters,
        "shape": list(node.shape),
    }


def _try(model: Any, size: int) -> None:
    """Run a network: not every file that can be read runs. Raises: WeightsError."""
    images = np.zeros((TRIED_WITH, size, size, 3), dtype=np.uint8)
    try:
        import_openvino().compile_model(model, "CPU")([images])
    except RuntimeError as error:
        raise WeightsError(
            f"it does not run with {TRIED_WITH} images at a time: export it with a first axis of any length. "
            f"{onnx_graph.in_words(error)}"
        ) from error


if __name__ == "__main__":
    sys.exit(run_inspection(examine))
