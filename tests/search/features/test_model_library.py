"""Models that somebody brings: what is checked before one is added, and that nothing half-added stays."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from gallery.errors import NotFoundError, SemsearchError, TooLargeError, WeightsError
from search.extractors import text_encoder
from search.extractors.feature_extractor import FeatureExtractor, live_config
from search.extractors.networks import registry
from search.extractors.networks.added import added_models, inspect_added
from search.extractors.text_encoder import TextEncoder
from search.features import feature_specs
from search.features.library import model_library
from tests.support import text_models
from tests.support.text_models import toy_model


@pytest.fixture(autouse=True)
def models() -> Iterator[Path]:
    """Return the folder of added models, in which there is none."""
    root = settings.MODELS_ROOT
    registry.install((), settings.CACHE_ROOT / "models", None, root)
    yield root
    shutil.rmtree(root, ignore_errors=True)


def names_in(root: Path) -> list[str]:
    return sorted(one.name for one in root.iterdir() if one.name != ".lock") if root.exists() else []


def test_a_model_is_checked_copied_and_a_network_as_any_other(tmp_path: Path, models: Path, db: None) -> None:
    out = io.StringIO()
    folder = toy_model(tmp_path / "brought")
    call_command("add_model", str(folder), "--dry-run", "--json", stdout=out)
    assert json.loads(out.getvalue().splitlines()[-1])["folder"] == ""
    assert names_in(models) == []

    out = io.StringIO()
    call_command("add_model", str(folder), stdout=out)
    assert "Added as colours" in out.getvalue()
    shutil.rmtree(folder)
    network = registry.get_network("colours")
    assert (network.title, network.layers, network.unavailable_reason()) == (
        "Toy of colours",
        ("embedding",),
        "",
    )
    assert network.described()[0].shape == (1, 1, text_models.DIMS)
    assert network.parameters >= 3 * text_models.DIMS
    config = feature_specs.config_named("colours", None, None)
    assert config is not None
    assert (config.layer, config.pooling, config.dims, config.resize) == ("embedding", "average", 8, "squash")

    extractor = FeatureExtractor(config, cache_dir=settings.CACHE_ROOT / "models")
    pixels = np.zeros((3, 16, 16, 3), dtype=np.uint8)
    pixels[0, ..., 0], pixels[1, ..., 1], pixels[2] = 200, 100, 50
    found = extractor.extract(pixels)
    expected = [*text_models.directions()[:2].tolist(), [3**-0.5] * 3 + [0.0] * 5]
    np.testing.assert_allclose(found, expected, atol=0.01)
    np.testing.assert_allclose(extractor.extract(pixels[1:2])[0], found[1], atol=1e-6)

    with pytest.raises(
        CommandError, match="a network 'colours' already: remove that first, with remove_model"
    ):
        call_command("add_model", str(toy_model(tmp_path / "again")), stdout=out)
    call_command("remove_model", "colours", stdout=out)
    assert names_in(models) == []
    with pytest.raises(NotFoundError):
        registry.get_network("colours")
    assert not list((settings.CACHE_ROOT / "models" / "openvino").glob("colours-*/*"))


def test_text_is_near_the_images_that_it_describes(tmp_path: Path) -> None:
    encoder = TextEncoder(added_models.read(toy_model(tmp_path, pad_id=0)))
    red, green, blue = text_models.directions()
    assert encoder.encode("red") @ red == pytest.approx(1)
    both = encoder.encode("a photo of Red, Green")
    assert both @ red == pytest.approx(both @ green) == pytest.approx(0.5**0.5, abs=0.01)
    assert abs(both @ blue) < 1e-6
    np.testing.assert_array_equal(encoder.encode("red"), encoder.encode("red"))
    # what is longer than the context is cut off
    for odd in ("red " * 100, "", "\ud800", "♥ 赤"):
        assert np.isfinite(encoder.encode(odd)).all()


def test_a_network_of_the_settings_cannot_take_the_name_of_one_that_was_added(
    tmp_path: Path, models: Path, db: None
) -> None:
    model_library.add(toy_model(tmp_path / "brought", "eyes", text=False))
    with pytest.raises(NotFoundError, match="there is a network 'eyes' already"):
        registry.install(["file:/models/eyes.onnx"], settings.CACHE_ROOT / "models", None, models)


def test_a_model_without_text_is_a_network_too(tmp_path: Path, models: Path, db: None) -> None:
    report = model_library.add(toy_model(tmp_path / "brought", "eyes", text=False))
    assert (report["text"], report["ms_text"], report["text_parameters"]) == (False, None, 0)
    assert live_config(model="eyes", layer="embedding", pooling="average").dims == text_models.DIMS


Wrong = Callable[[Path], object]


def changed(**said: Any) -> Wrong:
    return lambda folder: toy_model(folder, **said)


def edited(**said: Any) -> Wrong:
    def edit(folder: Path) -> None:
        file = folder / "model.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | said))

    return edit


def linked(folder: Path) -> None:
    (folder / "text.onnx").rename(folder / "elsewhere.onnx")
    (folder / "text.onnx").symlink_to(folder / "elsewhere.onnx")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda folder: (folder / "model.json").unlink(), r"There is no .*model\.json"),
        (lambda folder: (folder / "model.json").write_text("{"), "cannot be read as JSON"),
        (lambda folder: (folder / "model.json").write_text("[" * 100_000), "cannot be read as JSON"),
        (lambda folder: (folder / "model.json").write_text("[]"), "has to be an object"),
        (lambda folder: (folder / "visual.onnx").unlink(), r"visual\.onnx is not there"),
        (
            lambda folder: (folder / "text.onnx").write_bytes(b"\x08other"),
            "has the SHA-256 .* bring the file",
        ),
        (linked, r"text\.onnx is a link"),
        (changed(name="../colours"), "name in .* lower-case letters"),
        (changed(name="squeezenet"), "a network 'squeezenet' already: change name"),
        (changed(licence=""), "licence in .* has to be there"),
        (changed(size=7), "keys that nobody knows: size"),
        (edited(dims="8"), "dims in .* whole number from 2"),
        (changed(context_length=None), "context_length in .* has to be there"),
        (changed(mean=[1, 2]), "mean in .* three channels"),
        (changed(files={}), "files in .* SHA-256 of each"),
        (changed(files={"visual.onnx": "00"}), "64 digits"),
        (changed(files={"visual.onnx": "0" * 64, "../x": "0" * 64}), "'../x' is no name of a file beside it"),
        (changed(files={"visual.onnx": "0" * 64, "text.onnx": "0" * 64}), "come together"),
        (changed(probe={"text": "red"}), 'probe in .* "ids"'),
        (changed(probe={"text": "red", "vector": [10**400]}), "a vector is of numbers"),
        (changed(text=False, pad_id=0), r"has pad_id, and its files no text\.onnx"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_run(
    wrong: Wrong, words: str, tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_library, "run_module", lambda *_, **__: pytest.fail("It was run."))
    folder = toy_model(tmp_path / "brought")
    wrong(folder)
    with pytest.raises(SemsearchError, match=words):
        model_library.add(folder)
    assert names_in(models) == []


def test_files_that_are_too_large_are_not_copied(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = toy_model(tmp_path / "brought")
    monkeypatch.setattr(model_library, "LARGEST_TOKENIZER_BYTES", 10)
    with pytest.raises(TooLargeError, match=r"tokenizer\.json has .* bytes; at most 10"):
        model_library.add(folder)
    assert names_in(models) == []


def saved(file: str, save: Callable[..., None], **how: Any) -> Wrong:
    def write(folder: Path) -> None:
        save(folder / file, **how)
        said = json.loads((folder / "model.json").read_text())
        toy_files = {name: text_models.digest(folder / name) for name in said["files"]}
        (folder / "model.json").write_text(json.dumps(said | {"files": toy_files}))

    return write


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            saved("visual.onnx", lambda path: path.write_bytes(b"\x08\x07")),
            "damaged|no ONNX file|cannot read",
        ),
        (saved("visual.onnx", text_models.visual, dims=9), r"visual\.onnx has no output of \(n, 8\)"),
        (saved("visual.onnx", text_models.visual, factor=np.nan), "NaN or infinite"),
        (saved("visual.onnx", text_models.visual, factor=0.0), "nothing but zeros"),
        (saved("visual.onnx", text_models.visual, shape=("n", 3, 20, 20)), "input_size 16"),
        (saved("text.onnx", text_models.textual, dims=9), r"text\.onnx has no output of \(n, 8\)"),
        (saved("text.onnx", text_models.textual, tokens=6), r"has 8 tokens, and text\.onnx knows 6"),
        (changed(context_length=9), "takes 6 tokens, and context_length in model.json is 9"),
        (changed(pad_id=99), "has no token 99"),
        (changed(text_output="other"), "no output called 'other'"),
        (saved("tokenizer.json", lambda path: path.write_text("{}")), "tokenizers saves it"),
        (changed(probe={"text": "red", "ids": [3]}), "makes .2. of 'red', and probe .* says .3."),
        (changed(probe={"text": "red", "vector": [0, 1] + [0] * 6}), "another vector than probe"),
    ],
)
def test_networks_that_cannot_be_used_are_refused_with_the_reason(
    wrong: Wrong, words: str, tmp_path: Path
) -> None:
    folder = toy_model(tmp_path)
    wrong(folder)
    with pytest.raises(WeightsError, match=words):
        inspect_added.examine(folder)


def test_the_reason_of_the_process_that_ran_it_is_told_and_nothing_stays(
    tmp_path: Path, models: Path
) -> None:
    folder = toy_model(tmp_path / "brought", probe={"text": "blue", "ids": [3]})
    with pytest.raises(WeightsError, match=r"The model cannot be used: the tokenizer makes .4. of 'blue'"):
        model_library.add(folder)
    assert names_in(models) == []


def test_outputs_that_are_known_are_compared_with_and_a_text_tower_may_take_one_text_alone(
    tmp_path: Path,
) -> None:
    probe = {"text": "green", "ids": [3], "vector": [0.0, 2.0] + [0.0] * 6}
    folder = toy_model(tmp_path, probe=probe)
    saved("text.onnx", text_models.textual, batch=1)(folder)
    inspect_added.examine(folder)
    assert added_models.checked(folder)["input_size"] == text_models.SIDE


def test_a_model_whose_file_changes_says_so_and_does_not_keep_others_from_being_listed(
    tmp_path: Path, models: Path, db: None
) -> None:
    model_library.add(toy_model(tmp_path / "brought"))
    (models / "colours" / "visual.onnx").write_bytes(b"\x08 something else")
    assert "has changed since it was added" in registry.get_network("colours").unavailable_reason()
    (models / "colours" / "model.json").write_text("{")
    network = registry.get_network("colours")
    assert network.layers == ()
    assert "cannot be read as JSON" in network.unavailable_reason()


def test_without_the_library_for_tokens_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=f'pip install --no-deps "{text_encoder.NEEDED}"'):
        TextEncoder(added_models.read(toy_model(tmp_path)))
    assert text_encoder.NEEDED in (settings.BASE_DIR / "requirements-text.txt").read_text().splitlines()


def test_what_a_killed_process_left_goes_with_the_next(tmp_path: Path, models: Path, db: None) -> None:
    left = models / ".adding-old"
    left.mkdir(parents=True)
    (left / "visual.onnx").write_bytes(b"\x08")
    assert all(network.name != ".adding-old" for network in registry.known())
    model_library.add(toy_model(tmp_path / "brought", "eyes", text=False))
    assert names_in(models) == ["eyes"]
