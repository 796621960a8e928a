"""Converts networks where TensorFlow is installed, for installations without it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from gallery.errors import NotFoundError
from search.extractors.engines.conversion import convert_in_subprocess
from search.extractors.engines.needs_tensorflow import require_tensorflow
from search.extractors.networks import converted_networks, registry
from search.extractors.networks.network import Network

DEFAULT = "default"
OPEN_FOLDER, OPEN_FILE = 0o755, 0o644


def networks_named(names: Sequence[str]) -> list[Network]:
    """Return networks to convert; none, or "default", means all whose weights come with requirements.txt.

    Raises: NotFoundError for an unknown one, or one that cannot be carried to another installation.
    """
    wanted: dict[str, None] = {}
    for name in names or (DEFAULT,):
        wanted |= dict.fromkeys(registry.CONVERTED_BY_DEFAULT if name == DEFAULT else (name,))
    found = [registry.get_network(name) for name in wanted]
    for network in found:
        if network.compute is not None:
            raise NotFoundError(f"{network.title} is computed from pixels: there is nothing to convert.")
        if registry.is_from_outside(network):
            raise NotFoundError(
                f"{network.title} comes from outside: it is read where it is used, a .keras file with "
                "TensorFlow there, an ONNX file without."
            )
    return found


def convert(networks: Sequence[Network], root: Path) -> Iterator[tuple[str, Path]]:
    """Convert networks into folders below `root`; yields the name and the folder of each when it is there.

    Raises: WeightsError when weights cannot be had, a conversion fails, or TensorFlow is not installed.
    """
    require_tensorflow("Converting networks")
    if not root.exists():
        root.mkdir(parents=True)
        root.chmod(OPEN_FOLDER)
    for name in (network.name for network in networks):
        network = registry.as_it_ships(name)  # what came converted is converted anew, from weights
        network.fetch()
        made_of = registry.made_of(network)
        with tempfile.TemporaryDirectory(prefix=f".{network.name}-", dir=root) as parent:
            aside = Path(parent) / "network"
            aside.mkdir()
            convert_in_subprocess(network, network.layers, network.input_size, aside)
            converted_networks.write_head(aside, network)
            converted_networks.describe(aside, made_of)
            _open_to_all(aside)
            folder = root / network.name
            shutil.rmtree(folder, ignore_errors=True)
            aside.rename(folder)
        yield name, folder


def _open_to_all(folder: Path) -> None:
    """Let other accounts read what is no state: whoever installs is seldom who serves."""
    folder.chmod(OPEN_FOLDER)
    for file in folder.iterdir():
        file.chmod(OPEN_FILE)
