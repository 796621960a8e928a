"""Networks from outside: further ones of Keras Applications, and a user's own Keras models.

A source is `keras:NAME`, NAME being a class of https://keras.io/api/applications/, or a file.
`file:/PATH.keras` is a functional or sequential Keras model. It takes raw RGB pixels 0..255 as float32
(n, s, s, 3) and does its own preprocessing; it is loaded in Keras' safe mode, which runs no code from the
file. `file:/PATH.onnx` is read by OpenVINO; `/PATH.json` says what it takes, see
`search.extractors.networks.added.onnx_files`.

Only Keras or OpenVINO can say which layers a network has. They are asked once, by `inspect_keras` or
`inspect_onnx` beside this module, in a process of its own, and the answer is kept in a folder of the cache;
until then the network is known by name only.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from gallery.errors import NotFoundError, SemsearchError, WeightsError
from gallery.system.home.shipped_files import program
from search.extractors.engines.subprocesses import run_module
from search.extractors.networks.added import existence, onnx_files
from search.extractors.networks.added.inner_layers import flat
from search.extractors.networks.converted_networks import IR_FILE
from search.extractors.networks.keras_applications import file_digest
from search.extractors.networks.layer_info import Layer, LayerValues, in_short, layer_from

SUFFIXES = (".keras", onnx_files.SUFFIX)
DESCRIPTION_FILE = "description.json"
DESCRIPTION_FORMAT = 2  # of what inspect_keras.py writes
# 1 has Keras' names for layers of the outermost model; what was computed with it still knows those layers
READ_FORMATS = (1, DESCRIPTION_FORMAT)
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

    @property
    def is_onnx(self) -> bool:
        """Whether OpenVINO reads it, and Keras cannot."""
        return self.source.endswith(onnx_files.SUFFIX)

    def digest(self, model_file: Path) -> str:
        """Return the SHA-256 of a file with the model and of what lies beside it. Raises: WeightsError."""
        return onnx_files.digest(model_file) if self.is_onnx else file_digest(model_file)


class Description(TypedDict):
    """What `inspect_keras` or `inspect_onnx` writes of a network.

    `layers`: the number of each layer among the steps of a Keras model laid flat, or the name of its node in
    an ONNX file, by our name; `taps`: what is known of each. `resize`: how images are made square, "" for
    the usual way.
    """

    format: int
    source: str
    model_file: str
    model_digest: str
    weights_digest: str
    input_size: int
    layers: dict[str, int | str]
    taps: list[LayerValues]
    resize: NotRequired[str]


@dataclass(frozen=True)
class Examined:
    """What Keras said of a network: where its model lies, and which of its layers are used."""

    model_file: Path
    model_digest: str
    weights_digest: str
    input_size: int
    places: dict[str, int | str]
    layers: tuple[Layer, ...]
    resize: str = ""


def extra_network(source: str, cache_dir: Path) -> ExtraNetwork:
    """Return the network of a source.

    Raises:
        NotFoundError: the source is of neither form.
    """
    kind, _, rest = source.partition(":")
    title = Path(rest).stem if kind == "file" else rest
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    sound = {"keras": rest.isidentifier(), "file": rest.endswith(SUFFIXES) and Path(rest).is_absolute()}
    if not (sound.get(kind) and name):
        raise NotFoundError(
            f"{source!r} names no network: write keras:NAME with a class of Keras Applications, or "
            "file:/PATH.keras with the whole path of a Keras model, or file:/PATH.onnx with that of an ONNX "
            "file."
            f"{_how_to_bring(rest)}"
        )
    return ExtraNetwork(source, name, title, cache_dir / "networks" / name)


def run_inspection(examine: Callable[[ExtraNetwork], None]) -> int:
    """Examine the network that the command line names, SOURCE CACHE_DIRECTORY; returns the exit status.

    A refusal is one line on stderr.
    """
    source, cache_dir = sys.argv[1:]
    try:
        examine(extra_network(source, Path(cache_dir)))
    except SemsearchError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    return 0


def _how_to_bring(file: str) -> str:
    """Return what to do with a model in another form, or ""."""
    suffix = Path(file).suffix.lower()
    if suffix in (".h5", ".hdf5"):
        return (
            " An HDF5 file of Keras is brought by keras.models.load_model(FILE).save('mine.keras'); one with "
            "weights alone lacks the network."
        )
    if suffix in (".pt", ".pth", ".ckpt", ".safetensors", ".tflite", ".pb", ".mlmodel"):
        return " Such a model is brought by exporting it to ONNX, from PyTorch with torch.onnx.export."
    return ""


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
            places=values["layers"],
            layers=tuple(layer_from(layer) for layer in values["taps"]),
            resize=values.get("resize", ""),
        )
    except (LookupError, TypeError, AttributeError):  # damaged: it is made anew
        return None


def require(network: ExtraNetwork) -> Examined:
    """Return what is known of a network whose model is there and has not changed since.

    Raises:
        WeightsError: it is not, with what to do.
    """
    existence.require_file(network.file, network.title)
    known = examined(network)
    look = f"Run: {program()} run_experiments --models {network.name}, which does that first."
    if known is None:
        download = " and its weights be downloaded" if network.file is None else ""
        raise WeightsError(f"The layers of {network.title} have to be looked up once{download}. {look}")
    if not known.model_file.is_file():
        raise WeightsError(
            f"The model of {network.title} is gone from the cache and has to be made again. {look}"
        )
    if network.digest(known.model_file) != known.model_digest:
        raise WeightsError(f"The model {known.model_file} has changed and has to be looked up again. {look}")
    return known


def fetch(network: ExtraNetwork) -> None:
    """Have Keras look at the network, which downloads one of Keras Applications, in a process of its own.

    Raises:
        WeightsError: that failed, or there is no such network.
    """
    existence.require_file(network.file, network.title)
    try:
        require(network)
    except WeightsError:
        if network.file is None:
            existence.require_application(network.title)
        _examine(network)


def _examine(network: ExtraNetwork) -> None:
    network.folder.mkdir(parents=True, exist_ok=True)
    try:
        run_module(
            f"search.extractors.networks.added.inspect_{'onnx' if network.is_onnx else 'keras'}",
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
    known = require(network)
    if network.is_onnx:
        raise WeightsError(
            f"{network.title} is an ONNX file, which only OpenVINO runs: set FEATURE_ENGINE to auto."
        )
    import keras

    model = load_model(known.model_file)
    places = [known.places[layer] for layer in layers]
    numbers = [place for place in places if isinstance(place, int)]
    if numbers:
        return flat(model).up_to(numbers)
    outputs = [model.get_layer(place).output for place in places]
    return keras.Model(model.inputs[0], outputs[0] if len(outputs) == 1 else outputs)


def write_ir(network: ExtraNetwork, layers: tuple[str, ...], input_size: int, directory: Path) -> None:
    """Write an ONNX file's network up to layers into a folder, as OpenVINO's own file.

    Raises:
        WeightsError: the file is not there, or cannot be read.
    """
    known = require(network)
    nodes = [str(known.places[layer]) for layer in layers]
    # loads OpenVINO, which only the process that converts has
    from search.extractors.networks.added import onnx_graph

    onnx_graph.write_ir(known.model_file, nodes, directory / IR_FILE)


def write_description(network: ExtraNetwork, values: Description) -> None:
    """Keep what was found out about a network."""
    aside = network.folder / f"aside-{os.getpid()}.json"
    aside.write_text(json.dumps(values), encoding="utf-8")
    aside.replace(network.folder / DESCRIPTION_FILE)


def load_model(path: Path) -> Any:
    """Return the Keras model in a file, loaded without running code from it.

    Raises:
        WeightsError: it cannot be loaded.
    """
    import keras

    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # zip, JSON, HDF5 and every layer have errors of their own
        raise WeightsError(
            f"The model {path} cannot be loaded as a Keras model: {_why_not_loaded(error)}"
        ) from error
    for layer in model._flatten_layers():
        # OpenVINO takes bfloat16 of TensorFlow for other numbers, and says nothing
        if str(getattr(layer.dtype_policy, "name", "")).endswith("float16"):
            layer.dtype_policy = "float32"
    return model


def _why_not_loaded(error: Exception) -> str:
    """Return in words why Keras does not load a model, and what to do where that is known."""
    told = str(error)
    if own := re.search(r"Could not locate (?:class|function) '([^']+)'", told):
        return (
            f"it needs {own[1]}, which Keras does not have, and a file has no code: build the model of "
            "layers of Keras, or export it to ONNX."
        )
    if "Lambda" in told:
        return (
            "a Lambda layer in it would run code from the file: use a layer of Keras in its place, as "
            "Rescaling, or export the model to ONNX."
        )
    return in_short(error)


def _read(folder: Path) -> Description | None:
    try:
        values: Description = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
        current = values["format"] in READ_FORMATS and isinstance(values["source"], str)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None  # none yet; it is replaced as a whole, so a damaged one is made anew
    return values if current else None
