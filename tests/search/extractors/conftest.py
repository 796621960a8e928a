"""What tests of networks share."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.extractors.engines import conversion, openvino
from search.extractors.engines.convert import convert
from search.extractors.networks.network import Network
from search.extractors.networks.registry import get_network

# what these tests run, at which sides
CONVERTED = (("efficientnet-lite0", 96), ("squeezenet", 227))


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have OpenVINO compute in float32: whether bf16 is taken is measured, and so caches may differ."""
    monkeypatch.setattr(openvino, "has_native_bf16", lambda: False)


@pytest.fixture(scope="session")
def cache_dir(cache_dir: Path) -> Path:
    """Return the folder of converted networks, with what these tests need whole: its parts are cut out."""
    with pytest.MonkeyPatch.context() as patch:
        convert_here(patch)
        for name, side in CONVERTED:
            network = get_network(name)
            conversion.converted(network, network.layers, side, cache_dir)
    return cache_dir


@pytest.fixture
def converted_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convert in this process."""
    convert_here(monkeypatch)


def convert_here(patch: pytest.MonkeyPatch) -> None:
    """Convert in this process, which has TensorFlow: one of its own takes seconds to load it."""

    def in_this_process(network: Network, layers: tuple[str, ...], size: int, directory: Path) -> None:
        convert(network.source, layers, size, directory)

    patch.setattr(conversion, "convert_in_subprocess", in_this_process)
