"""Networks from outside: further ones of Keras Applications, and a user's own Keras models.

A source is `keras:NAME`, NAME being a class of https://keras.io/api/applications/, or `file:/PATH.keras`, a
functional Keras model. Such a model takes raw RGB pixels 0..255 as float32 (n, s, s, 3) and does its own
preprocessing; it is loaded in Keras' safe mode, which runs no code from the file.

Only Keras can say which layers a network has. It is asked once, by `search.extractors.networks.inspect_keras`
in a process of its own, and the answer is kept in a folder of the cache; until then the network is known by
name only.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from gallery.errors import NotFoundError, WeightsError
from search.extractors.engines.subprocesses import run_module
from search.extractors.networks.keras_applications import file_digest
from search.extractors.networks.layer_info import Layer, LayerValues, layer_from

DESCRIPTION_FILE = "description.json"
DESCRIPTION_FORMAT = 1  # raise when inspect_keras.py changes what it writes; older ones are then made anew
EXAMINATION_LIMIT_S = 1800  # a download may be part of it


@dataclass(frozen=True)
class ExtraNetwork:
    """A network from outside and the folder where what is known of it is kept."""

    source: str
    name: str
    title: str
    folder: Path

    @property
    def file(self) -> Path | None:
        """Return the path of a user's own model; None for a network of Keras Applications."""
        kind, _, rest = self.source.partition(":")
        return Path(rest) if kind == "file" else None


class Description(TypedDict):
    """What `inspect_keras` writes of a network.

    `layers`: Keras' name of each layer by ours; `taps`: what is known of each.
    """

    format: int
    source: str
    model_file: str
    model_digest: str
    weights_digest: str
    input_size: int
    layers: dict[str, str]
    taps: list[LayerValues]


@dataclass(frozen=True)
class Examined:
    """What Keras said of a network: where its model lies, and which of its layers are used."""

    model_file: Path
    model_digest: str
    weights_digest: str
    input_size: int
    keras_layers: dict[str, str]
    layers: tuple[Layer, ...]


def extra_network(source: str, cache_dir: Path) -> ExtraNetwork:
    """Return the network of a source.

    Raises:
        NotFoundError: the source is of neither form.
    """
    kind, _, rest = source.partition(":")
    title = Path(rest).stem if kind == "file" else rest
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    sound = {"keras": rest.isidentifier(), "file": rest.endswith(".keras") and Path(rest).is_absolute()}
    if not (sound.get(kind) and name):
        raise NotFoundError(
            f"{source!r} names no network: write keras:NAME with a class of Keras Applications, or "
            "file:/PATH.keras with the whole path of a Keras model."
        )
    return ExtraNetwork(source, name, title, cache_dir / "networks" / name)


def network_in(folder: Path) -> ExtraNetwork:
    """Return the network whose description lies in a folder.

    Raises:
        NotFoundError: there is none.
    """
    values = _read(folder)
    if values is None:
        raise NotFoundError(f"There is no description of a network in {folder}.")
    return extra_network(values["source"], folder.parents[1])


def examined(network: ExtraNetwork) -> Examined | None:
    """Return what is known of a network, None while nothing is."""
    values = _read(network.folder)
    if values is None or values["source"] != network.source:
        return None
    try:
        return Examined(
            model_file=Path(values["model_file"]),
            model_digest=values["model_digest"],
            weights_digest=values["weights_digest"],
            input_size=values["input_size"],
            keras_layers=values["layers"],
            layers=tuple(layer_from(layer) for layer in values["taps"]),
        )
    except (LookupError, TypeError, AttributeError):  # damaged: it is made anew
        return None


def require(network: ExtraNetwork) -> Examined:
    """Return what is known of a network whose model is there and has not changed since.

    Raises:
        WeightsError: it is not, with what to do.
    """
    if network.file is not None and not network.file.is_file():
        raise WeightsError(
            f"The model {network.file} is not there: put it there, or take it out of the settings."
        )
    known = examined(network)
    look = f"Run: manage.py run_experiments --models {network.name}, which does that first."
    if known is None:
        download = " and its weights be downloaded" if network.file is None else ""
        raise WeightsError(f"The layers of {network.title} have to be looked up once{download}. {look}")
    if not known.model_file.is_file():
        raise WeightsError(
            f"The model of {network.title} is gone from the cache and has to be made again. {look}"
        )
    if file_digest(known.model_file) != known.model_digest:
        raise WeightsError(f"The model {known.model_file} has changed and has to be looked up again. {look}")
    return known


def fetch(network: ExtraNetwork) -> None:
    """Have Keras look at the network, which downloads one of Keras Applications, in a process of its own.

    Raises:
        WeightsError: that failed, or there is no such network.
    """
    if network.file is not None and not network.file.is_file():
        require(network)
    try:
        require(network)
    except WeightsError:
        _examine(network)


def _examine(network: ExtraNetwork) -> None:
    network.folder.mkdir(parents=True, exist_ok=True)
    try:
        run_module(
            "search.extractors.networks.inspect_keras",
            network.source,
            str(network.folder.parents[1]),
            limit_s=EXAMINATION_LIMIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsError(f"Looking at {network.title} took over {EXAMINATION_LIMIT_S} s.") from error
    except subprocess.CalledProcessError as error:
        raise WeightsError(f"{network.title} cannot be used: {error.stderr}") from error


def build(network: ExtraNetwork, layers: tuple[str, ...], input_size: int | None = None) -> Any:
    """Return a Keras model from RGB pixels (n, s, s, 3) float32 in 0..255 to the feature maps of `layers`.

    `s` is what the model itself takes; `input_size` cannot change it.

    Raises:
        WeightsError: the model is not there, or cannot be loaded.
    """
    import keras

    known = require(network)
    model = load_model(known.model_file)
    outputs = [model.get_layer(known.keras_layers[layer]).output for layer in layers]
    return keras.Model(model.inputs[0], outputs[0] if len(outputs) == 1 else outputs)


def load_model(path: Path) -> Any:
    """Return the Keras model in a file, loaded without running code from it.

    Raises:
        WeightsError: it cannot be loaded.
    """
    import keras

    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # zip, JSON, HDF5 and every layer have errors of their own
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"The model {path} cannot be loaded as a Keras model: {reason}") from error


def _read(folder: Path) -> Description | None:
    try:
        values: Description = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
        current = values["format"] == DESCRIPTION_FORMAT and isinstance(values["source"], str)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None  # none yet; it is replaced as a whole, so a damaged one is made anew
    return values if current else None
