"""Pictures that excite single channels of a network, painted by gradient ascent.

After Olah, Mordvintsev and Schubert, "Feature Visualization", https://distill.pub/2017/feature-visualization/:
the picture is kept as Fourier coefficients in decorrelated colours, and the network sees it shifted, turned
and scaled a little differently at every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.extractors.engines.base import Pixels
from search.extractors.networks.network import Network
from search.types import Vectors

CHANNELS = 9  # painted of a layer
CELL = 96  # side of one picture in a mosaic, pixels
STEPS = 256
SEED = 0
LEARNING_RATE = 0.05
START_DEVIATION = 0.01
SPECTRUM_DECAY = 1.15  # amplitude falls with frequency to this power; in photographs it is about 1
SHIFT_SHARE = 1 / 8  # of the side
TURN_DEGREES = 10.0
LEAST_SCALE, LARGEST_SCALE = 0.9, 1.1
LEAST_SIDE = 80  # Keras Applications refuse to be laid out for less than 75
RESPONSE_BATCH = 8
LEAST_DEVIATION = 1e-3  # of what a channel answers to the pictures, of the largest in its layer

# Square root of the covariance of ImageNet's colours, one column for each decorrelated colour, as published
# with the article: https://github.com/tensorflow/lucid/blob/master/lucid/optvis/param/color.py
COLOUR_SQUARE_ROOT = np.array(
    [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], dtype=np.float32
)


@dataclass(frozen=True)
class Canvas:
    """Sides in pixels of the square that is painted, and of the middle part of it that is shown."""

    side: int
    shown: int


def canvas(stride: float) -> Canvas:
    """Return the canvas for a layer that has one place every `stride` pixels.

    Later layers look at larger things: the part shown grows with the square root of the stride.
    """
    shown = 8 * round(28 * math.sqrt(stride) / 8)
    return Canvas(side=max(shown, LEAST_SIDE), shown=shown)


def painted_images(network: Network, layer: str, channels: NDArray[np.intp], *, steps: int = STEPS) -> Pixels:
    """Return what excites each of these n channels of a layer, (n, s, s, 3) uint8.

    Raises:
        NotFoundError: there is no such layer.
        WeightsError: the weights cannot be had.
    """
    network.require_layer(layer)
    rows, _, _ = network.map_shape(layer, network.input_size)
    size = canvas(network.input_size / rows)
    model = with_slope_everywhere(network.builder((layer,), size.side))
    # weights that come with a classifier fit one size alone
    side = model.input_shape[1] or size.side
    images = exciting_images(model, channels, side=side, steps=steps)
    margin = (side - size.shown) // 2
    return images[:, margin : margin + size.shown, margin : margin + size.shown]


def exciting_images(network: Any, channels: NDArray[np.intp], *, side: int, steps: int = STEPS) -> Pixels:
    """Return for each of n channels of a network's only output a picture, (n, side, side, 3) uint8.

    What rises is the mean of the channel over the whole map. Chance is seeded: on one machine
    the pictures come out the same, up to rounding.
    """
    import keras
    import tensorflow as tf

    generator = np.random.default_rng(SEED)
    count = len(channels)
    coefficients = tf.Variable(
        generator.normal(0, START_DEVIATION, (2, count, 3, side, side // 2 + 1)).astype(np.float32)
    )
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    paint = _painter(side)
    own_channel = tf.one_hot(channels, network.output_shape[-1])

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step(places: Any, weights: Any) -> None:
        with tf.GradientTape() as tape:
            seen = _sampled(paint(coefficients), places, weights)
            means = tf.reduce_mean(network(255.0 * seen, training=False), axis=(1, 2))
            excitement = tf.reduce_sum(means * own_channel)
        optimizer.apply_gradients([(-tape.gradient(excitement, coefficients), coefficients)])

    for _ in range(steps):
        places, weights = random_views(generator, count, side)
        step(tf.constant(places), tf.constant(weights))
    return np.asarray(np.rint(255.0 * paint(coefficients).numpy()), dtype=np.uint8)


def with_slope_everywhere(network: Any) -> Any:
    """Return the network with a leaky rectifier in place of the activation of its output, if it has one.

    Where the output is put together of several, each of them gets one. A rectifier has no slope where it
    rests, nor ReLU6 where it is full: nothing would tell the way up. Without any bend the mean of a first
    convolution would depend on nothing but the mean colour.
    """
    import keras

    bent = [
        layer
        for layer in _put_together(network.layers[-1])
        if isinstance(layer, keras.layers.ReLU) or hasattr(layer, "activation")
    ]
    if not bent:
        return network

    def replaced(layer: Any) -> Any:
        if layer in bent and isinstance(layer, keras.layers.ReLU):
            return keras.layers.Activation("leaky_relu", name=layer.name)
        settings = layer.get_config()
        return type(layer).from_config(settings | {"activation": "leaky_relu"} if layer in bent else settings)

    opened = keras.models.clone_model(network, clone_function=replaced)
    opened.set_weights(network.get_weights())
    return opened


def _put_together(layer: Any) -> Iterator[Any]:
    """Yield the layers whose channels a layer has: itself, or those that it sets side by side."""
    import keras

    if not isinstance(layer, keras.layers.Concatenate):
        yield layer
        return
    for joined in layer.input:
        yield from _put_together(joined._keras_history.operation)


def random_views(
    generator: np.random.Generator, count: int, side: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Draw how each of `count` canvases is seen: shifted, turned and scaled about its middle.

    Returns the four canvas places, numbered row by row, around each place seen, (n, 4, side * side) int32,
    and their weights in bilinear interpolation, the same shape float32. A canvas that ends goes on at its
    opposite edge.
    """
    middle = (side - 1) / 2
    seen = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1).reshape(-1, 2)
    places = np.empty((count, 4, side * side), dtype=np.int32)
    weights = np.empty((count, 4, side * side), dtype=np.float32)
    for number in range(count):
        scale = generator.uniform(LEAST_SCALE, LARGEST_SCALE)
        angle = math.radians(generator.uniform(-TURN_DEGREES, TURN_DEGREES))
        shift = generator.uniform(-SHIFT_SHARE * side, SHIFT_SHARE * side, 2)
        cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
        exact = (seen - middle) @ np.array([[cosine, sine], [-sine, cosine]]) + middle + shift
        whole = np.floor(exact)
        part = exact - whole
        for corner, (down, right) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
            row, column = ((whole + np.array([down, right])) % side).T
            places[number, corner] = row * side + column
            weights[number, corner] = np.abs(1 - down - part[:, 0]) * np.abs(1 - right - part[:, 1])
    return places, weights


def _sampled(images: Any, places: Any, weights: Any) -> Any:
    import tensorflow as tf

    shape = tf.shape(images)
    flat = tf.reshape(images, (shape[0], -1, 3))
    corners = tf.gather(flat, places, batch_dims=1)
    return tf.reshape(tf.reduce_sum(corners * weights[..., None], axis=1), shape)


def _painter(side: int) -> Callable[[Any], Any]:
    """Return the function from Fourier coefficients to pictures.

    (2, n, 3, side, side // 2 + 1), the real parts first -> (n, side, side, 3) in 0..1.
    """
    import tensorflow as tf

    frequencies = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    amplitudes = side / np.maximum(frequencies, 1 / side) ** SPECTRUM_DECAY / 4
    colours = COLOUR_SQUARE_ROOT / np.linalg.norm(COLOUR_SQUARE_ROOT, axis=0).max()

    def paint(coefficients: Any) -> Any:
        spectrum = tf.complex(coefficients[0], coefficients[1]) * amplitudes.astype(np.complex64)
        plain = tf.signal.irfft2d(spectrum, fft_length=[side, side])
        return tf.sigmoid(tf.einsum("nchw,dc->nhwd", plain, colours))

    return paint


def unevenness(network: Network, layers: tuple[str, ...], images: Pixels) -> list[Vectors]:
    """Return how unevenly every channel answers over every picture, one (n, c) float32 for each layer.

    That is the standard deviation over all places: in early layers the mean would tell little but how bright
    a picture is.

    Raises:
        NotFoundError: there is no such layer.
        WeightsError: the weights cannot be had.
    """
    import tensorflow as tf

    for layer in layers:
        network.require_layer(layer)
    model = network.builder(layers, images.shape[1])

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def deviations(batch: Any) -> list[Any]:
        maps = model(tf.cast(batch, tf.float32), training=False)
        return [tf.math.reduce_std(one, axis=(1, 2)) for one in (maps if len(layers) > 1 else [maps])]

    batches = [images[n : n + RESPONSE_BATCH] for n in range(0, len(images), RESPONSE_BATCH)]
    parts = [[layer.numpy() for layer in deviations(batch)] for batch in batches]
    return [np.concatenate(layer) for layer in zip(*parts, strict=True)]


def telling_channels(responses: Vectors, categories: list[str], count: int = CHANNELS) -> NDArray[np.intp]:
    """Return the channels that tell categories apart best, each the best of another one while there are more.

    `responses` (n, c) is a number for each of n labelled pictures and each channel. A channel is judged by
    the one-way F ratio, variance of the categories' means over variance within them, and belongs to the one
    of its largest mean. The best come first; equals in the order of their numbers. One that hardly answers to
    anything tells nothing, whatever its ratio.
    """
    names = sorted(set(categories))
    of_category = np.array([names.index(category) for category in categories])
    exact = responses.astype(np.float64)
    means = np.stack([exact[of_category == number].mean(axis=0) for number in range(len(names))])
    within = ((exact - means[of_category]) ** 2).mean(axis=0)
    between = ((means[of_category] - exact.mean(axis=0)) ** 2).mean(axis=0)
    deviations = exact.std(axis=0)
    answers = (within > 0) & (deviations > LEAST_DEVIATION * deviations.max())
    ratio = np.where(answers, between / np.where(answers, within, 1), 0)
    order = np.argsort(-ratio, kind="stable")
    _, firsts = np.unique(means.argmax(axis=0)[order], return_index=True)
    best_of_category = order[np.sort(firsts)]
    best_of_category = best_of_category[answers[best_of_category]]
    rest = order[~np.isin(order, best_of_category)]
    return np.concatenate([best_of_category, rest])[:count]


def mosaic(images: Pixels, cell: int = CELL) -> Pixels:
    """Lay (n, h, w, 3) uint8 pictures out row by row in one (s, s, 3) square of cells; the rest is black."""
    from PIL import Image

    across = math.ceil(math.sqrt(len(images)))
    sheet = Image.new("RGB", (across * cell, across * cell))
    for number, image in enumerate(images):
        scaled = Image.fromarray(image).resize((cell, cell), Image.Resampling.LANCZOS)
        sheet.paste(scaled, (number % across * cell, number // across * cell))
    return np.asarray(sheet)
