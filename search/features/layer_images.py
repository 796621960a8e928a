"""Draws what excites the layers of a network, and finds the pictures that come with the program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from gallery.errors import NotFoundError
from gallery.imaging import decoding
from gallery.imaging.limits import image_limits
from gallery.system.home.shipped_files import shipped
from search.extractors import activation
from search.extractors.engines.base import Pixels
from search.extractors.engines.needs_tensorflow import require_tensorflow
from search.extractors.networks.network import Network
from search.extractors.resizing import DEFAULT_RESIZE, resized
from search.features.collected import collected_address

FOLDER = "layers"  # below static/, one folder a network, two WebPs a layer
CHANNELS_FILE = "channels.json"  # beside the WebPs: the channels of each layer, row by row
SHEET = ".sheet.webp"
TILE_CHANNELS = 4  # in the small image, which lists of layers show
SHEET_CELL = 112  # side of one channel in the sheet, pixels
TILE_QUALITY, SHEET_QUALITY = 75, 55


def layer_image(model: str, layer: str) -> str | None:
    """Return the address of the small image of what excites a layer, or None when none was collected."""
    return collected_address(f"{FOLDER}/{model}/{layer}.webp")


def layer_sheet(model: str, layer: str) -> str | None:
    """Return the address of the image of all painted channels of a layer, or None when none was collected."""
    return collected_address(f"{FOLDER}/{model}/{layer}{SHEET}")


def painted_channels(model: str, layer: str) -> list[int] | None:
    """Return the channels that were painted of a layer, row by row, or None where they are not known."""
    return _kept_channels(shipped("static") / FOLDER / model).get(layer)


def _channels_below(folder: Path) -> dict[str, list[int]]:
    file = folder / CHANNELS_FILE
    found: dict[str, list[int]] = json.loads(file.read_bytes()) if file.is_file() else {}
    return found


_kept_channels = cache(_channels_below)


def draw_layers(network: Network, layers: tuple[str, ...], *, steps: int, root: Path) -> Iterator[Path]:
    """Write what excites each of these layers to `root`/network/layer.webp; yields each path when written.

    Nine channels are painted of a layer: those that tell the categories of the sample images apart best. The
    first four are in that image, all of them in the larger layer.sheet.webp, and `CHANNELS_FILE` beside the
    images has their numbers.

    Raises:
        NotFoundError: there is no such layer, no network behind the name, or there are no sample pictures.
        WeightsError: the weights cannot be had.
    """
    if network.compute is not None:
        raise NotFoundError(f"{network.title} is computed from pixels: it has no channels to excite.")
    require_tensorflow("Drawing what excites layers")
    for layer in layers:
        network.require_layer(layer)
    images, categories = sample_images(network.input_size)
    responses = activation.unevenness(network, layers, images)
    folder = root / network.name
    folder.mkdir(parents=True, exist_ok=True)
    known = _channels_below(folder)
    for layer, answers in zip(layers, responses, strict=True):
        channels = activation.telling_channels(answers, categories)
        painted = activation.painted_images(network, layer, channels, steps=steps)
        path = folder / f"{layer}.webp"
        tile = activation.mosaic(painted[:TILE_CHANNELS])
        path.write_bytes(decoding.encode_webp(tile, TILE_QUALITY))
        sheet = activation.mosaic(painted, SHEET_CELL)
        (folder / f"{layer}{SHEET}").write_bytes(decoding.encode_webp(sheet, SHEET_QUALITY))
        known |= {layer: channels.tolist()}
        (folder / CHANNELS_FILE).write_text(json.dumps(known) + "\n")
        yield path


def sample_images(side: int) -> tuple[Pixels, list[str]]:
    """Return the sample pictures as a network takes them, (n, side, side, 3) uint8, and their categories.

    Raises: NotFoundError when they are not beside the program.
    """
    root = shipped("sample_data")
    files = sorted(file for file in root.glob("*/*/*") if file.is_file())
    if not files:
        raise NotFoundError(f"There are no sample images in {root}; channels are chosen by them.")
    limits = image_limits(of_a_job=True)
    prepared = [resized(decoding.decode(file.read_bytes(), limits), side, DEFAULT_RESIZE) for file in files]
    return np.stack(prepared), [str(file.parent.relative_to(root)) for file in files]
