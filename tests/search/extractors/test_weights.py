"""The restricted checkpoint reader and the three networks it fills."""

from __future__ import annotations

import io
import json
import pickle
import struct
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from search.extractors.networks import efficientnet_lite, registry
from search.extractors.networks.registry import available, get_network
from search.extractors.networks.torch_checkpoint import (
    MAGIC_NUMBER,
    PROTOCOL_VERSION,
    read_checkpoint,
    read_tensors,
)

ORACLE: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "data" / "efficientnet_lite.json").read_text(encoding="utf-8")
)
LITE0 = get_network("efficientnet-lite0")


def oracle_image(side: int) -> NDArray[np.uint8]:
    i, j, c = np.ogrid[:side, :side, :3]
    return np.asarray((7 * i + 13 * j + 29 * c + (i * j) // 16) % 256, dtype=np.uint8)


def legacy_checkpoint(state: object, storages: bytes = b"", keys: tuple[str, ...] = ()) -> io.BytesIO:
    parts = (MAGIC_NUMBER, PROTOCOL_VERSION, {"little_endian": True}, state, list(keys))
    return io.BytesIO(b"".join(pickle.dumps(part, protocol=2) for part in parts) + storages)


def installed_checkpoint() -> Path:
    return efficientnet_lite.weights_path(registry.LITE0)


class RunsACommand:
    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, ("exit 1",)


@pytest.mark.parametrize("name", sorted(ORACLE["models"]))
def test_a_network_gives_the_outputs_of_the_original_implementation(name: str) -> None:
    expected, network = ORACLE["models"][name], get_network(name)
    pixels = oracle_image(network.input_size)[None].astype(np.float32)
    assert network.input_size == expected["input_size"]
    assert network.weights_digest == expected["weights_sha256"]

    model = network.builder.func(*network.builder.args, ("top",), classifier=True)  # type: ignore[attr-defined]
    maps, logits = (np.asarray(output) for output in model(pixels))

    assert (
        list(maps.shape[1:])
        == expected["feature_map_shape"]
        == list(network.map_shape("top", pixels.shape[1]))
    )
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == expected["parameters"]
    averages = maps.mean(axis=(1, 2))[0]
    np.testing.assert_allclose(averages[:16], expected["gap_first16"], atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(averages), expected["gap_l2_norm"], atol=1e-3)
    np.testing.assert_allclose(logits[0, :16], expected["logits_first16"], atol=1e-3)
    np.testing.assert_allclose(logits.sum(), expected["logits_sum"], atol=1e-2)
    assert list(np.argsort(-logits[0])[:5]) == expected["logits_argsort_top5"]


def test_every_tap_has_the_announced_shape_at_another_input_size() -> None:
    model = LITE0.builder(LITE0.layers)
    maps = model(oracle_image(150)[None].astype(np.float32))
    assert len(LITE0.layers) == 8
    assert [tuple(m.shape[1:]) for m in maps] == [LITE0.map_shape(layer, 150) for layer in LITE0.layers]


def test_a_tampered_weights_file_is_refused(tmp_path: Path) -> None:
    content = bytearray(installed_checkpoint().read_bytes())
    content[-1] ^= 1
    tampered = tmp_path / "tampered.pth"
    tampered.write_bytes(content)
    with pytest.raises(WeightsError, match="not the expected one"):
        read_checkpoint(tampered, LITE0.weights_digest)


def test_a_missing_weights_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        read_checkpoint(tmp_path / "none.pth", LITE0.weights_digest)


def test_a_checkpoint_that_names_a_forbidden_global_is_refused_by_name() -> None:
    with pytest.raises(WeightsError, match=r"(posix|nt)\.system"):
        read_tensors(legacy_checkpoint({"weight": RunsACommand()}))


def test_a_stream_that_is_no_checkpoint_is_refused() -> None:
    for content in (b"", b"not a pickle", pickle.dumps(7), pickle.dumps(MAGIC_NUMBER, protocol=2)):
        with pytest.raises(WeightsError):
            read_tensors(io.BytesIO(content))


def test_a_checkpoint_that_ends_early_is_refused() -> None:
    content = installed_checkpoint().read_bytes()
    with pytest.raises(WeightsError, match="ends early"):
        read_tensors(io.BytesIO(content[:-100]))


def test_an_empty_state_reads_as_no_tensors() -> None:
    assert read_tensors(legacy_checkpoint(OrderedDict())) == {}


def test_a_tensor_that_reaches_past_its_storage_is_refused() -> None:
    content = installed_checkpoint().read_bytes()
    stem = b"(K K\x03K\x03K\x03t"  # the stem's shape (32, 3, 3, 3) in the object pickle
    assert content.count(stem) == 1
    grown = content.replace(stem, b"(K\x7fK\x03K\x03K\x03t")
    with pytest.raises(WeightsError, match="past its storage"):
        read_tensors(io.BytesIO(grown))


def test_a_storage_with_another_length_than_announced_is_refused() -> None:
    content = installed_checkpoint().read_bytes()
    tail = struct.pack("<q", 864)  # the stem's storage: 32 * 3 * 3 * 3 elements
    changed = content.replace(tail, struct.pack("<q", 2**40), 1)
    with pytest.raises(WeightsError):
        read_tensors(io.BytesIO(changed))


def test_an_unknown_network_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="efficientnet-lite2"):
        get_network("no-such-network")


def test_the_three_lite_networks_are_available() -> None:
    assert [network.name for network in available()][:3] == [f"efficientnet-lite{n}" for n in range(3)]


def test_importing_the_extractors_loads_no_heavy_library() -> None:
    program = (
        "import sys, search.extractors.networks.registry;"
        "from search.extractors.feature_extractor import live_config; live_config();"
        "print([m for m in ('tensorflow', 'keras', 'openvino', 'PIL', 'django') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
