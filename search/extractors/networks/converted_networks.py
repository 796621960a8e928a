"""Where converted networks lie: those that come with an installation, and those that it keeps in its cache.

One that comes with an installation needs neither TensorFlow nor its weights there. `manage.py
convert_networks` writes them, one folder a network: the OpenVINO file of all its layers at its own input
size, and what it was made of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gallery.errors import WeightsError
from search.damage import DAMAGE
from search.extractors.networks.network import Head, Network

IR_FILE = "model.xml"
IR_FORMAT = 1  # raise when convert.py changes what it writes; what is kept is then passed over
MADE_OF_FILE = "network.json"
HEAD_FILE = "head.npz"  # the classifier, where the network has one


@dataclass(frozen=True)
class MadeOf:
    """What a converted network was made of."""

    format: int
    network: str
    weights_digest: str
    layers: list[str]
    input_size: int


@dataclass(frozen=True)
class ConvertedNetwork:
    """A folder with a converted network, and what it was made of."""

    folder: Path
    made_of: MadeOf


def found_in(root: Path) -> Mapping[str, ConvertedNetwork]:
    """Return the converted networks below a folder by name; what is damaged or outdated is passed over."""
    found = {}
    for described in sorted(root.glob(f"*/{MADE_OF_FILE}")):
        folder = described.parent
        try:
            made_of = MadeOf(**json.loads(described.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        if made_of.format == IR_FORMAT and (folder / IR_FILE).is_file():
            found[made_of.network] = ConvertedNetwork(folder, made_of)
    return found


def describe(folder: Path, made_of: MadeOf) -> None:
    """Write down what the network in a folder was made of: the last thing, with which it counts as there."""
    (folder / MADE_OF_FILE).write_text(json.dumps(asdict(made_of), indent=1) + "\n", encoding="utf-8")


def write_head(folder: Path, network: Network) -> None:
    """Write the classifier of a network beside it, where it has one. Raises: WeightsError without weights."""
    if network.head is not None:
        weights, bias = network.head()
        np.savez(folder / HEAD_FILE, weights=weights, bias=bias)


def read_head(folder: Path) -> Head:
    """Return the classifier that lies beside a converted network.

    Raises:
        WeightsError: there is none, or it is damaged.
    """
    try:
        with np.load(folder / HEAD_FILE, allow_pickle=False) as stored:
            return stored["weights"], stored["bias"]
    except DAMAGE as error:
        raise WeightsError(
            f"The classifier in {folder} cannot be read ({error}): run convert_networks anew."
        ) from error


def entry_of(network: Network, layers: tuple[str, ...], input_size: int, cache_dir: Path) -> Path:
    """Return the folder of the cache for a network up to layers at an input size, made or not.

    Raises:
        WeightsError: the weights are missing, of which its name is made.
    """
    # One layer is named; several would make too long a name of a folder.
    named = (
        layers[0]
        if len(layers) == 1
        else f"taps-{hashlib.sha256(','.join(layers).encode()).hexdigest()[:12]}"
    )
    key = f"{network.name}-{network.weights_digest[:16]}-{named}-{input_size}-v{IR_FORMAT}"
    return cache_dir / "openvino" / key


def is_kept(network: Network, cache_dir: Path) -> bool:
    """Whether the whole network was converted here before. Raises: WeightsError as `entry_of`."""
    return (entry_of(network, network.layers, network.input_size, cache_dir) / IR_FILE).exists()
