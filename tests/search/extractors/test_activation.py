"""Pictures of what excites layers: the ascent, the choice of channels, the command, and what is committed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.test import Client
from numpy.typing import NDArray
from PIL import Image as Pillow

from search.extractors import activation
from search.extractors.networks.registry import get_network
from search.features import layer_images
from search.features.layer_images import layer_image, layer_sheet

SHIPPED = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2", "squeezenet")


def test_an_image_excites_its_own_channel_more_than_the_others_do() -> None:
    network = get_network("efficientnet-lite0").builder(("stage2",), 48)
    channels = np.array([2, 9, 17])
    images = activation.exciting_images(network, channels, side=48, steps=60)
    answers = np.asarray(network(images.astype(np.float32), training=False)).mean(axis=(1, 2))[:, channels]
    grey = np.asarray(network(np.full((1, 48, 48, 3), 127.5, np.float32), training=False))
    assert images.shape == (3, 48, 48, 3)
    assert answers.argmax(axis=0).tolist() == [0, 1, 2]
    assert (answers.diagonal() > grey.mean(axis=(0, 1, 2))[channels] + 1).all()


def test_the_same_channels_give_the_same_images() -> None:
    network = get_network("efficientnet-lite0").builder(("stem",), 40)
    twice = [activation.exciting_images(network, np.array([18]), side=40, steps=5) for _ in range(2)]
    assert np.abs(twice[0].astype(int) - twice[1]).max() <= 1


def test_views_interpolate_between_places_of_the_canvas() -> None:
    places, weights = activation.random_views(np.random.default_rng(1), 3, 20)
    assert places.min() >= 0
    assert places.max() < 400
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)


def test_a_view_that_is_neither_shifted_nor_turned_is_the_canvas(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SHIFT_SHARE": 0, "TURN_DEGREES": 0, "LEAST_SCALE": 1, "LARGEST_SCALE": 1}.items():
        monkeypatch.setattr(activation, name, value)
    places, weights = activation.random_views(np.random.default_rng(1), 1, 7)
    canvas = np.random.default_rng(2).random(49)
    np.testing.assert_allclose((canvas[places[0]] * weights[0]).sum(axis=0), canvas)


@pytest.mark.parametrize("kind", ["layer", "built in", "side by side"])
def test_an_output_without_slope_gets_one(kind: str) -> None:
    import keras

    pixels = keras.Input((8, 8, 3))
    if kind == "layer":
        output = keras.layers.ReLU(6.0)(keras.layers.Conv2D(2, 1, name="convolution")(pixels))
    elif kind == "side by side":
        convolution = keras.layers.Conv2D(2, 1, activation="relu", name="convolution")
        output = keras.layers.Concatenate()([convolution(pixels), keras.layers.ReLU()(pixels)])
    else:
        output = keras.layers.Conv2D(2, 1, activation="relu", name="convolution")(pixels)
    network = keras.Model(pixels, output)
    network.get_layer("convolution").set_weights([np.ones((1, 1, 3, 2)), np.zeros(2)])
    for level in (-10.0, 10.0):
        low, high = (np.full((1, 8, 8, 3), level + more, np.float32) for more in (0, 1))
        opened = activation.with_slope_everywhere(network)
        assert (np.asarray(opened(high)) > np.asarray(opened(low))).all()


def test_an_output_that_is_linear_stays_as_it_is() -> None:
    network = get_network("efficientnet-lite0").builder(("stage2",), 32)
    assert activation.with_slope_everywhere(network) is network


def test_channels_are_chosen_that_tell_labels_apart_each_for_another_label() -> None:
    generator = np.random.default_rng(3)
    labels = [name for name in "abc" for _ in range(20)]
    responses = generator.normal(0, 1, (60, 6)).astype(np.float32)
    of_label = np.array(["abc".index(label) for label in labels])
    responses[:, 4] += 9 * (of_label == 0)
    responses[:, 1] += 8 * (of_label == 0)
    responses[:, 5] += 6 * (of_label == 1)
    responses[:, 2] += 4 * (of_label == 2)
    responses[:, 0] = 1  # answers nothing at all
    assert activation.telling_channels(responses, labels, 4).tolist() == [4, 5, 2, 1]


def test_a_channel_that_hardly_answers_comes_last_even_if_its_category_has_no_other() -> None:
    labels = ["a", "a", "b", "b"]
    responses = np.array([[2e-5, 0, 0], [1e-5, 1, 3], [0, 8, 6], [0, 9, 4]], np.float32)
    assert activation.telling_channels(responses, labels, 3).tolist() == [1, 2, 0]
    responses[:, 0] *= 1e6
    assert activation.telling_channels(responses, labels, 3).tolist() == [1, 0, 2]


def test_a_mosaic_is_laid_out_row_by_row() -> None:
    images = np.stack([np.full((5, 5, 3), 10 * n, np.uint8) for n in range(4)])
    sheet = activation.mosaic(images, cell=8)
    assert sheet.shape == (16, 16, 3)
    assert [sheet[y, x, 0] for y in (4, 12) for x in (4, 12)] == [0, 10, 20, 30]
    few = activation.mosaic(np.full((5, 5, 5, 3), 9, np.uint8), cell=8)
    assert [few[y, x, 0] for y in (4, 12, 20) for x in (4, 12, 20)] == [9, 9, 9, 9, 9, 0, 0, 0, 0]


def draw(*words: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("picture_layers", *words, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return found


def test_the_command_draws_the_layers_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sample_folder: Callable[..., Path]
) -> None:
    monkeypatch.setattr(layer_images, "shipped", lambda name: tmp_path / name)
    samples = sample_folder(count=2)
    (tmp_path / "sample_data").mkdir()
    samples.rename(tmp_path / "sample_data" / "few")
    wanted = ("--models", "efficientnet-lite0", "--layers", "stem,stage2", "--steps", "2")
    report = draw(*wanted, "--output", str(tmp_path / "out"))
    assert report["pictures"] == ["efficientnet-lite0/stem", "efficientnet-lite0/stage2"]
    for name in report["pictures"]:
        with Pillow.open(tmp_path / "out" / f"{name}.webp") as drawn:
            assert (drawn.format, drawn.size) == ("WEBP", (192, 192))
        with Pillow.open(tmp_path / "out" / f"{name}.sheet.webp") as drawn:
            assert (drawn.format, drawn.size) == ("WEBP", (336, 336))
    channels = json.loads((tmp_path / "out" / "efficientnet-lite0" / "channels.json").read_bytes())
    assert [len(set(channels[layer])) for layer in ("stem", "stage2")] == [9, 9]


def test_the_channels_of_an_image_are_known_where_they_were_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(layer_images, "shipped", lambda name: tmp_path / name)
    folder = tmp_path / "static" / "layers" / "squeezenet"
    folder.mkdir(parents=True)
    (folder / "channels.json").write_text('{"stem": [7, 0, 31, 12]}')
    assert layer_images.painted_channels("squeezenet", "stem") == [7, 0, 31, 12]
    assert layer_images.painted_channels("squeezenet", "top") is None
    assert layer_images.painted_channels("efficientnet-lite0", "stem") is None


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--models", "resnet51"), "no network called 'resnet51'"),
        (("--models", "efficientnet-lite0", "--layers", "stage9"), "no layer 'stage9'"),
        (("--models", "colour-histogram"), "no channels to excite"),
    ],
)
def test_the_command_says_what_cannot_be_drawn(words: tuple[str, ...], reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        draw(*words)


def mean_colour(sheet: NDArray[np.uint8], at: int, *, across: int) -> NDArray[np.float64]:
    side = len(sheet) // across
    row, column = divmod(at, across)
    cell = sheet[row * side : (row + 1) * side, column * side : (column + 1) * side]
    return np.asarray(cell.mean(axis=(0, 1)))


@pytest.mark.parametrize("model", SHIPPED)
def test_every_layer_of_a_shipped_network_comes_with_a_small_image_and_a_sheet(model: str) -> None:
    folder = configured.BASE_DIR / "static" / "layers" / model
    for layer in get_network(model).layers:
        pixels = {}
        for ending, side, most in (("webp", 192, 18_000), ("sheet.webp", 336, 45_000)):
            file = folder / f"{layer}.{ending}"
            assert file.stat().st_size < most
            with Pillow.open(file) as drawn:
                assert (drawn.format, drawn.size) == ("WEBP", (side, side))
                pixels[ending] = np.asarray(drawn.convert("RGB"))
        assert pixels["webp"].std() > 20
        channels = layer_images.painted_channels(model, layer)
        assert channels is not None
        assert len(set(channels)) == 9
        for at in range(4):  # the tile shows the first four channels of the sheet
            small = mean_colour(pixels["webp"], at, across=2)
            np.testing.assert_allclose(small, mean_colour(pixels["sheet.webp"], at, across=3), atol=4)


def test_a_layer_without_a_collected_image_has_no_address() -> None:
    assert layer_image("efficientnet-lite0", "stage9") is None
    assert layer_image("colour-histogram", "histogram") is None
    assert layer_sheet("efficientnet-lite0", "stage9") is None


def test_a_layer_without_an_image_has_no_address_while_debugging_either(settings: Any) -> None:
    settings.DEBUG = True
    assert layer_image("efficientnet-lite0", "stage9") is None
    assert layer_image("efficientnet-lite0", "top") == "/static/layers/efficientnet-lite0/top.webp"


@pytest.mark.django_db
def test_the_networks_are_listed_with_the_images_of_their_layers(client: Client) -> None:
    networks = {network["name"]: network for network in client.get("/api/v1/models/").json()}
    for model in SHIPPED:
        for layer in networks[model]["layers"]:
            assert (configured.STATIC_ROOT / layer["picture"].removeprefix("/static/")).is_file()
            assert (configured.STATIC_ROOT / layer["sheet"].removeprefix("/static/")).is_file()
    assert {layer["picture"] for layer in networks["colour-histogram"]["layers"]} == {None}
