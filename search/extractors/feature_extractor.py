"""Pictures in, feature vectors out, exactly as a `FeatureConfig` says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from gallery.imaging.resizing import resize
from search.extractors.engines.base import Maps, Pixels, load_engine
from search.extractors.networks.registry import architecture
from search.extractors.pooling import pooled_dims, pooling
from search.extractors.reduction import reduction
from search.types import RGB, FeatureConfig, Vectors

DEFAULT_MODEL = "efficientnet-lite2"
DEFAULT_LAYER = "top"
DEFAULT_POOLING = "pyramid"
DEFAULT_REDUCTION = "lite2-pyramid-512"
DEFAULT_RESIZE = "ease"
PAD_COLOUR = (255, 255, 255)  # what transparent pictures are laid on as well
LONGEST_ASPECT = 4 / 3
BACKGROUND_TOLERANCE = 12  # grey levels; JPEG blurs a plain border by a few
PLAIN_SHARE = 0.9


class FeatureExtractor:
    """Makes feature vectors of one configuration; safe to call from several threads.

    A vector is: picture resized -> network up to the layer -> pooled -> reduced. Nothing is centred and the
    result is not brought to unit length: the index does both, once, with the mean of its own dataset.
    """

    def __init__(self, config: FeatureConfig, *, cache_dir: Path, engine: str = "auto") -> None:
        """Load the network.

        Raises:
            NotFoundError: the configuration names something that does not exist.
            WeightsError: the weights or the projection are missing or not those of the configuration.
        """
        network = architecture(config.model)
        if network.weights_digest != config.weights_digest:
            raise WeightsError(
                f"The features were made with other weights of {config.model} than those installed. "
                "Extract the features again."
            )
        self.config = config
        self._pool = pooling(config.pooling)
        self._reduction = reduction(config.reduction) if config.reduction else None
        if self._reduction and self._reduction.digest != config.reduction_digest:
            raise WeightsError(
                f"The projection {config.reduction} has changed since the features were made. "
                "Extract the features again."
            )
        self._pooled_dims = pooled_dims(config.pooling, network.map_shape(config.layer, config.input_size))
        self._engine = load_engine(
            network, (config.layer,), config.input_size, kind=engine, cache_dir=cache_dir
        )
        self._product = self._engine.product(self._reduction.components) if self._reduction else None

    @property
    def engine_name(self) -> str:
        """Return what runs the network, for example openvino-f32."""
        return self._engine.name

    def calibration(self) -> dict[str, Any]:
        """Return what was measured on this machine to choose how the network runs, as plain values."""
        return self._engine.calibration()

    def prepare(self, rgb: RGB) -> NDArray[np.uint8]:
        """Return a picture (h, w, 3) uint8 as the network takes it, (s, s, 3) uint8."""
        return resized(rgb, self.config.input_size, self.config.resize)

    def extract(self, prepared: Pixels) -> Vectors:
        """Return the vectors of prepared pictures in their order, (n, s, s, 3) uint8 -> (n, d) float32."""
        vectors = np.empty((len(prepared), self._pooled_dims), dtype=np.float32)

        def pool(start: int, maps: tuple[Maps, ...]) -> None:
            vectors[start : start + len(maps[0])] = self._pool(maps[0])

        self._engine.each(prepared, pool)
        return self._reduction.apply(vectors, self._product) if self._reduction else vectors

    def extract_query(self, rgb: RGB, *, query_mirror: bool = False) -> NDArray[np.float32]:
        """Return the vector (d,) float32 of a picture to search with.

        With `query_mirror` it is the mean of the vectors of the picture and of its mirror image. The only
        normalisation before the mean is the one inside the pooling (the pyramid's parts): each view is
        pooled and reduced, then the two are averaged, and the index centres and normalises the mean.
        """
        prepared = self.prepare(rgb)
        views = [prepared, prepared[:, ::-1]] if query_mirror else [prepared]
        return np.asarray(self.extract(np.stack(views)).mean(axis=0), dtype=np.float32)


def resized(rgb: RGB, side: int, how: str) -> NDArray[np.uint8]:
    """Return a picture (h, w, 3) uint8 as a square (side, side, 3), antialiased.

    squash ignores the aspect ratio; ease does too, but first widens a long picture on a plain background with
    that background to 4:3; crop cuts the centre square out; pad adds white around.

    Raises:
        NotFoundError: `how` is none of the four.
    """
    from PIL import Image, ImageOps

    if how == "squash":
        return resize(rgb, side, side)
    if how == "ease":
        return _eased(rgb, side)
    if how not in ("crop", "pad"):
        raise NotFoundError(f"There is no resizing {how!r}; there are squash, ease, crop and pad.")
    picture, size, method = Image.fromarray(rgb), (side, side), Image.Resampling.BICUBIC
    if how == "crop":
        return np.asarray(ImageOps.fit(picture, size, method))
    return np.asarray(ImageOps.pad(picture, size, method, color=PAD_COLOUR))


def _eased(rgb: RGB, side: int) -> RGB:
    """Squash a picture with its longer side at most 4/3 of the other, the rest filled with its background."""
    height, width, _ = rgb.shape
    background = plain_background(rgb)
    if background is None:
        return resize(rgb, side, side)
    # The share of the square that the picture covers after its shorter side is widened to 3/4 of the longer.
    covers_x = min(1.0, LONGEST_ASPECT * width / height)
    covers_y = min(1.0, LONGEST_ASPECT * height / width)
    inner = max(1, round(side * covers_x)), max(1, round(side * covers_y))
    small = resize(rgb, *inner)
    square = np.empty((side, side, 3), dtype=np.uint8)
    square[:] = background
    left, top = (side - inner[0]) // 2, (side - inner[1]) // 2
    square[top : top + inner[1], left : left + inner[0]] = small
    return square


def plain_background(rgb: RGB) -> tuple[int, int, int] | None:
    """Return the colour that at least nine tenths of the outermost pixels share, or None."""
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    close = np.ones(len(border), dtype=np.bool_)
    colour = []
    for values in border.T:
        median = _median(values)
        close &= np.abs(values - np.float32(median)) <= BACKGROUND_TOLERANCE
        if np.count_nonzero(close) / len(close) < PLAIN_SHARE:
            return None
        colour.append(int(median))
    red, green, blue = colour
    return red, green, blue


def _median(values: NDArray[np.uint8]) -> float:
    """Return the median by counting, several times as fast as by sorting."""
    below = np.cumsum(np.bincount(values, minlength=256))
    half = len(values) // 2
    upper = int(np.searchsorted(below, half, side="right"))
    if len(values) % 2:
        return float(upper)
    return (int(np.searchsorted(below, half - 1, side="right")) + upper) / 2


def live_config(
    *,
    model: str = DEFAULT_MODEL,
    layer: str = DEFAULT_LAYER,
    pooling: str = DEFAULT_POOLING,
    reduction_name: str | None = None,
    input_size: int | None = None,
    resize: str = DEFAULT_RESIZE,
) -> FeatureConfig:
    """Return a full configuration, the chosen default where nothing else is asked for.

    `reduction_name` None means the default projection where it fits the network, layer and pooling, else
    none; "" means none. `input_size` None means the side the network was trained at.

    Raises:
        NotFoundError: something named does not exist, or the projection does not fit.
    """
    network = architecture(model)
    network.require_tap(layer)
    size = input_size or network.input_size
    dims, digest = pooled_dims(pooling, network.map_shape(layer, size)), ""
    if reduction_name is None:
        fits = reduction(DEFAULT_REDUCTION).fits(model, layer, pooling)
        reduction_name = DEFAULT_REDUCTION if fits else ""
    if reduction_name:
        chosen = reduction(reduction_name)
        if not chosen.fits(model, layer, pooling):
            raise NotFoundError(f"The projection {reduction_name} is for {chosen.model}, {chosen.pooling}.")
        dims, digest = chosen.dims, chosen.digest
    return FeatureConfig(
        model=model,
        layer=layer,
        pooling=pooling,
        reduction=reduction_name,
        reduction_digest=digest,
        input_size=size,
        resize=resize,
        weights_digest=network.weights_digest,
        dims=dims,
    )
