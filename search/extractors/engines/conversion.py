"""Finds the OpenVINO file of a network: one that is kept, one cut out of the whole network, or a new one.

A whole network, with all its layers at its own input size, comes with an installation (`converted_networks`)
or was converted here before; the network up to some of its layers is cut out of it in a moment, without
TensorFlow. Only what no whole one is there for is converted from Keras, in a process of its own.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from gallery.errors import WeightsError
from search.extractors.engines.needs_tensorflow import require_tensorflow
from search.extractors.engines.openvino import import_openvino
from search.extractors.engines.subprocesses import run_module
from search.extractors.networks.converted_networks import IR_FILE, entry_of
from search.extractors.networks.network import Network

CONVERSION_LIMIT_S = 600


def converted(network: Network, layers: tuple[str, ...], input_size: int, cache_dir: Path) -> Path:
    """Return the cached IR file of a network up to layers, making it first if needed.

    Raises:
        WeightsError: the weights cannot be had, the conversion failed, or it needs TensorFlow.
    """
    entry = entry_of(network, layers, input_size, cache_dir)
    if not (entry / IR_FILE).exists():
        whole = _whole(network, layers, input_size, cache_dir)
        if whole is None:
            _made(entry, lambda aside: convert_in_subprocess(network, layers, input_size, aside))
        else:
            places = [network.layers.index(layer) for layer in layers]
            _made(entry, lambda aside: cut(whole, places, aside))
    return entry / IR_FILE


def is_quick(network: Network, layers: tuple[str, ...], input_size: int, cache_dir: Path) -> bool:
    """Whether the file is there or is cut in a moment: nothing has to be converted. Raises: WeightsError."""
    if (entry_of(network, layers, input_size, cache_dir) / IR_FILE).exists():
        return True
    return _whole(network, layers, input_size, cache_dir) is not None


def convert_in_subprocess(
    network: Network, layers: tuple[str, ...], input_size: int, directory: Path
) -> None:
    """Convert a network up to layers into a folder that is there, in a process that loads TensorFlow.

    Raises:
        WeightsError: the weights cannot be had, it failed, or TensorFlow is not installed.
    """
    if network.write_ir is None:
        require_tensorflow(f"Converting {network.title}", network.name)
    arguments = (network.source, ",".join(layers), str(input_size), str(directory))
    try:
        run_module("search.extractors.engines.convert", *arguments, limit_s=CONVERSION_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise WeightsError(
            f"Converting {network.name} for OpenVINO took over {CONVERSION_LIMIT_S} s."
        ) from error
    except subprocess.CalledProcessError as error:
        raise WeightsError(f"{network.name} could not be converted for OpenVINO: {error.stderr}") from error


def cut(whole: Path, outputs: list[int], directory: Path) -> None:
    """Write the network of an IR file into a folder that is there, with these of its outputs, in their order.

    Raises:
        WeightsError: the file cannot be read.
    """
    openvino = import_openvino()
    try:
        model = openvino.Core().read_model(whole)
        results = [model.output(number).node for number in outputs]
        part = openvino.Model(results, model.get_parameters(), "network")
        openvino.save_model(part, directory / IR_FILE, compress_to_fp16=False)
    except RuntimeError as error:  # whatever OpenVINO says of a damaged file
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"The converted network {whole} cannot be read: {reason}") from error


def _whole(network: Network, layers: tuple[str, ...], input_size: int, cache_dir: Path) -> Path | None:
    """Return the IR file of all layers at this input size, if there is one to cut these layers out of."""
    if input_size == network.input_size and network.converted is not None:
        return network.converted / IR_FILE
    whole = entry_of(network, network.layers, input_size, cache_dir) / IR_FILE
    return whole if layers != network.layers and whole.exists() else None


def _made(entry: Path, make: Callable[[Path], None]) -> None:
    """Make an entry of the cache aside and put it in its place whole, in one process while others wait."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    with (entry.parent / f"{entry.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (entry / IR_FILE).exists():
            return
        aside = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=entry.parent))
        try:
            make(aside)
            _publish(aside, entry)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _publish(aside: Path, entry: Path) -> None:
    try:
        aside.rename(entry)
    except OSError:  # another process was first: a full directory is never replaced, and theirs is as good
        if not (entry / IR_FILE).exists():
            raise
