"""Pooling, reduction, the two engines and the whole way from a picture to its vector."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from search.extractors import pooling
from search.extractors.engines.conversion import converted
from search.extractors.engines.loading import load_engine
from search.extractors.engines.precision import generated_images
from search.extractors.feature_extractor import FeatureExtractor, live_config
from search.extractors.networks.registry import get_network
from search.extractors.pca.components import load_pca
from search.extractors.resizing import resized

LITE0 = get_network("efficientnet-lite0")
SIDE = 96


@pytest.fixture(scope="module")
def extractor(cache_dir: Path) -> FeatureExtractor:
    config = live_config(model="efficientnet-lite0", input_size=SIDE)
    return FeatureExtractor(config, cache_dir=cache_dir, engine="openvino")


def sample_image(height: int = 80, width: int = 120) -> NDArray[np.uint8]:
    return generated_images(max(height, width))[1, :height, :width]


def test_average_max_and_gem_agree_with_hand_computed_values() -> None:
    maps = np.array([[[[1.0], [2.0]], [[3.0], [6.0]]]], dtype=np.float32)
    assert pooling.average(maps).tolist() == [[3.0]]
    assert pooling.maximum(maps).tolist() == [[6.0]]
    np.testing.assert_allclose(pooling.gem(maps), [[(252 / 4) ** (1 / 3)]], rtol=1e-6)


def test_gem_of_negative_values_is_finite() -> None:
    assert np.isfinite(pooling.gem(np.full((1, 2, 2, 3), -1, dtype=np.float32))).all()


def test_the_pyramid_of_an_odd_map_shares_its_middle_row_and_column() -> None:
    maps = np.zeros((1, 3, 3, 2), dtype=np.float32)
    maps[0, 0, 0] = (3, 4)  # seen by the whole and the top left quarter
    maps[0, 1, 2] = (0, 2)  # seen by the whole and both right quarters
    expected = np.array([[3, 6], [3, 4], [0, 2], [0, 0], [0, 2]])
    unit = expected / np.maximum(np.hypot(expected[:, :1], expected[:, 1:]), 1e-9)
    np.testing.assert_allclose(pooling.pyramid(maps)[0], unit.ravel(), atol=1e-6)


def test_flatten_keeps_row_order() -> None:
    maps = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    assert pooling.flatten(maps).tolist() == [list(range(8))]


@pytest.mark.parametrize("name", sorted(pooling.POOLINGS))
def test_every_pooling_gives_the_announced_length(name: str) -> None:
    maps = np.random.default_rng(0).random((2, 3, 5, 4), dtype=np.float32)
    vectors = pooling.pooling(name)(maps)
    assert vectors.shape == (2, pooling.pooled_dims(name, (3, 5, 4)))
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous


def test_an_unknown_pooling_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="pyramid"):
        pooling.pooling("median")


def test_the_shipped_projection_keeps_lengths_of_what_it_keeps() -> None:
    shipped = load_pca(live_config().reduction)
    product = shipped.components.T @ shipped.components
    np.testing.assert_allclose(product, np.eye(shipped.dims), atol=2e-3)


def test_a_projection_refuses_vectors_of_another_length() -> None:
    with pytest.raises(WeightsError, match="values"):
        load_pca(live_config().reduction).apply(np.zeros((1, 7), dtype=np.float32))


def test_an_engine_projects_as_numpy_does(extractor: FeatureExtractor) -> None:
    rng = np.random.default_rng(0)
    components, vectors = rng.random((640, 32), dtype=np.float32), rng.random((3, 640), dtype=np.float32)
    product = extractor._engine.product(components)
    np.testing.assert_allclose(product(vectors), vectors @ components, rtol=0.01)
    kept = product(vectors[:1])
    product(vectors[1:])
    np.testing.assert_allclose(kept, vectors[:1] @ components, rtol=0.01)


def test_the_two_engines_agree(cache_dir: Path, exact: None) -> None:
    images = generated_images(SIDE)
    (openvino,) = load_engine(LITE0, ("top",), SIDE, kind="openvino", cache_dir=cache_dir).run(images)
    (tensorflow,) = load_engine(LITE0, ("top",), SIDE, kind="tensorflow", cache_dir=cache_dir).run(images)
    assert openvino.shape == tensorflow.shape == (4, *LITE0.map_shape("top", SIDE))
    cosines = (openvino * tensorflow).sum(axis=(1, 2, 3)) / (
        np.linalg.norm(openvino.reshape(4, -1), axis=1) * np.linalg.norm(tensorflow.reshape(4, -1), axis=1)
    )
    assert cosines.min() > 0.9999


def test_a_vector_does_not_depend_on_its_batch(extractor: FeatureExtractor) -> None:
    images = np.concatenate([generated_images(SIDE)] * 3)[:9]
    together = extractor.extract(images)
    alone = np.concatenate([extractor.extract(one[None]) for one in images])
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_threads_share_one_extractor(extractor: FeatureExtractor) -> None:
    from concurrent.futures import ThreadPoolExecutor

    images = generated_images(SIDE)
    expected = extractor.extract(images)
    with ThreadPoolExecutor(4) as pool:
        for n, got in enumerate(pool.map(lambda n: extractor.extract(images[n % 4][None]), range(24))):
            np.testing.assert_allclose(got[0], expected[n % 4], atol=1e-4)


def test_extraction_with_openvino_never_loads_tensorflow(cache_dir: Path) -> None:
    converted(LITE0, ("top",), SIDE, cache_dir)
    program = (
        "import sys; from pathlib import Path; import numpy as np;"
        "from search.extractors.feature_extractor import FeatureExtractor, live_config;"
        f"config = live_config(model='efficientnet-lite0', input_size={SIDE});"
        f"e = FeatureExtractor(config, cache_dir=Path({str(cache_dir)!r}), engine='openvino');"
        f"e.extract(np.zeros((1, {SIDE}, {SIDE}, 3), np.uint8)); print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("how", ["squash", "ease", "crop", "pad"])
def test_an_image_of_any_shape_becomes_a_square(how: str) -> None:
    for height, width in ((1, 1), (7, 300), (300, 7), (SIDE, SIDE)):
        square = resized(np.full((height, width, 3), 200, dtype=np.uint8), SIDE, how)
        assert square.shape == (SIDE, SIDE, 3)
        assert square.dtype == np.uint8


def test_padding_is_white_and_cropping_keeps_the_middle() -> None:
    rgb = np.zeros((100, 300, 3), dtype=np.uint8)
    rgb[:, 100:200] = 255
    assert resized(rgb, SIDE, "crop").min() > 200
    assert resized(rgb, SIDE, "pad")[0].min() == 255
    with pytest.raises(NotFoundError):
        resized(rgb, SIDE, "stretch")


def test_easing_widens_a_long_image_with_its_plain_background() -> None:
    rgb = np.full((100, 300, 3), (10, 200, 30), dtype=np.uint8)
    rgb[40:60, 100:200] = 255
    square = resized(rgb, 90, "ease")
    rows = np.flatnonzero(np.any(square.min(axis=2) > 240, axis=1))
    assert (square[0] == (10, 200, 30)).all()
    assert 6 <= len(rows) <= 10  # squashed, the white bar would be 18 of 90 rows high; at 4:3 it is 8


def test_easing_is_squashing_for_a_busy_border_or_a_mild_aspect() -> None:
    busy = np.random.default_rng(0).integers(0, 256, (60, 200, 3), dtype=np.uint8)
    mild = np.full((90, 120, 3), 255, dtype=np.uint8)
    mild[20:50, 30:90] = 7
    for rgb in (busy, mild):
        np.testing.assert_array_equal(resized(rgb, SIDE, "ease"), resized(rgb, SIDE, "squash"))


def test_other_weights_or_projection_than_the_stored_features_are_refused(cache_dir: Path) -> None:
    config = live_config()
    for changed in (replace(config, weights_digest="0" * 64), replace(config, reduction_digest="0" * 64)):
        with pytest.raises(WeightsError, match="Extract the features again"):
            FeatureExtractor(changed, cache_dir=cache_dir)


def test_an_unknown_layer_or_engine_is_not_found(cache_dir: Path) -> None:
    with pytest.raises(NotFoundError, match="stem"):
        live_config(layer="bottom")
    with pytest.raises(NotFoundError, match="openvino"):
        load_engine(LITE0, ("top",), SIDE, kind="abacus", cache_dir=cache_dir)
