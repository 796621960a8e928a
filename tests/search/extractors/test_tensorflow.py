"""TensorFlow in float16: taken only where it is close to float32 and faster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from search.extractors.engines import tensorflow
from search.extractors.engines.precision import Closeness, calibration_images, closeness
from search.extractors.engines.tensorflow import MIXED, TensorFlowEngine, computing_in
from search.extractors.networks.registry import get_network

LITE0 = get_network("efficientnet-lite0")
SIDE = 96


@pytest.fixture(scope="module")
def engine() -> TensorFlowEngine:
    return TensorFlowEngine(LITE0, ("top",), SIDE)


def test_a_network_in_float16_keeps_its_features_and_gives_float32(engine: TensorFlowEngine) -> None:
    images = calibration_images(SIDE)[:4]
    with computing_in(MIXED):
        mixed = LITE0.builder(("top",), SIDE)
    assert mixed.layers[-1].compute_dtype == "float16"
    exact = engine.run(images)
    found = [np.asarray(mixed(images.astype(np.float32)), dtype=np.float32)]
    assert not np.array_equal(exact[0], found[0])
    assert closeness(exact, found).enough


@pytest.mark.parametrize("enough", [True, False])
def test_float16_is_taken_only_if_it_is_close_enough(
    enough: bool, engine: TensorFlowEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = engine._function
    close = Closeness(0.999, 0.999) if enough else Closeness(0.99, 0.9)
    monkeypatch.setattr(tensorflow, "closeness", lambda *maps: close)
    monkeypatch.setattr(tensorflow, "least_ms", lambda works: (2.0, 1.0))
    assert engine._use_if_close(engine._network, calibration_images(SIDE)[:2]) is enough
    assert (engine._function is function) is not enough
    assert engine.calibration()["ms"] == {"f32": 2.0, MIXED: 1.0}


def test_batches_of_several_threads_run_one_after_the_other_and_each_gets_its_own(
    engine: TensorFlowEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = calibration_images(SIDE)[:4]
    (expected,) = engine.run(images)
    inside: list[int] = []
    most: list[int] = []
    plain = engine._function

    def counted(pixels: Any) -> Any:
        inside.append(1)
        most.append(len(inside))
        try:
            return plain(pixels)
        finally:
            inside.pop()

    monkeypatch.setattr(engine, "_function", counted)
    with ThreadPoolExecutor(4) as pool:
        for n, (maps,) in enumerate(pool.map(lambda n: engine.run(images[n % 4][None]), range(16))):
            np.testing.assert_allclose(maps[0], expected[n % 4], atol=1e-3)
    assert max(most) == 1


def test_a_graphics_card_agrees_with_the_processor() -> None:
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow sees no graphics card here.")
    engine = TensorFlowEngine(LITE0, ("top",), SIDE)
    assert engine.name.startswith("tensorflow-gpu")
    images = calibration_images(SIDE)
    with tf.device("/CPU:0"):
        network = LITE0.builder(("top",), SIDE)
        exact = [np.asarray(network(images.astype(np.float32)), dtype=np.float32)]
    assert closeness(exact, engine.run(images)).enough
