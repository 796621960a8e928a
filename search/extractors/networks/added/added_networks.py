"""The networks for images of added models: each has one layer, `embedding`, whose map has one place."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gallery.errors import WeightsError
from search.extractors.networks.added import added_models
from search.extractors.networks.added.added_models import AddedModel
from search.extractors.networks.converted_networks import IR_FILE
from search.extractors.networks.layer_info import Layer
from search.extractors.networks.network import Network

PREFIX = "added:"


def network_in(folder: Path) -> Network:
    """Return the network of a model; one whose files are damaged is known by name, and says so when used."""
    check = partial(added_models.require_whole, folder)
    try:
        model, facts = added_models.read(folder), added_models.checked(folder)
    except WeightsError:
        return _network(folder, folder.name, 0, (), check)
    layer = Layer(added_models.LAYER, "Embedding", 1, 1, facts["parameters"], (1, 1, model.dims))
    return _network(folder, model.title, facts["input_size"], (layer,), check, model.preprocessing.resize)


def _network(
    folder: Path,
    title: str,
    input_size: int,
    layers: tuple[Layer, ...],
    check: Callable[[], AddedModel],
    resize: str = "",
) -> Network:
    return Network(
        name=folder.name,
        title=title,
        source=f"{PREFIX}{folder}",
        input_size=input_size,
        layers=tuple(layer.name for layer in layers),
        builder=_no_keras,
        build_without_weights=_no_keras,
        describe=lambda: layers,
        digest=lambda: check().digest,
        check=check,
        fetch=check,
        write_ir=partial(_write_ir, folder),
        resize=resize,
    )


def _no_keras(layers: tuple[str, ...], input_size: int | None = None) -> Any:
    raise WeightsError("A model that was added is read by OpenVINO alone: set FEATURE_ENGINE to auto.")


def _write_ir(folder: Path, layers: tuple[str, ...], input_size: int, directory: Path) -> None:
    """Write the network for images as OpenVINO's own file. Raises: WeightsError where it cannot be read."""
    model = added_models.require_whole(folder)
    # load OpenVINO, which only the process that converts has
    from search.extractors.engines.openvino import import_openvino
    from search.extractors.networks.added import embedding_graph

    network = embedding_graph.from_pixels(model)
    import_openvino().save_model(network, directory / IR_FILE, compress_to_fp16=False)
