"""The classifier of the shipped networks: its logits come of the same pass as the features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gallery.errors import WeightsError
from gallery.vocabulary.words import vocabulary
from search.embedding.seen_words import KEPT, LEAST, seen, shares_of
from search.extractors.feature_extractor import FeatureExtractor, live_config
from search.extractors.networks import converted_networks, registry
from search.extractors.networks.registry import get_network

RNG = np.random.default_rng(7)


def test_logits_are_those_of_the_averaged_map_and_features_are_the_same(settings: Any) -> None:
    extractor = FeatureExtractor(live_config(), cache_dir=settings.CACHE_ROOT / "models")
    images = RNG.integers(0, 256, (3, 260, 260, 3), dtype=np.uint8)
    vectors, logits = extractor.extract_with_logits(images)
    np.testing.assert_allclose(vectors, extractor.extract(images), rtol=1e-4, atol=1e-4)
    weights, bias = get_network("efficientnet-lite2").head()  # type: ignore[misc]
    assert (weights.shape, bias.shape) == ((1280, 1000), (1000,))
    assert logits is not None
    np.testing.assert_allclose(
        logits, extractor.maps(images).mean(axis=(1, 2)) @ weights + bias, rtol=1e-3, atol=1e-3
    )


def test_a_network_without_a_classifier_or_another_layer_tells_no_words() -> None:
    assert get_network("squeezenet").head is None
    assert get_network("mobilenet").head is None
    assert get_network("untrained-lite0").head is None


def test_the_classifier_goes_with_a_converted_network(tmp_path: Path) -> None:
    weights = RNG.random((4, 5), dtype=np.float32)
    network = replace(get_network("efficientnet-lite0"), head=lambda: (weights, weights[0]))
    converted_networks.write_head(tmp_path, network)
    np.testing.assert_array_equal(converted_networks.read_head(tmp_path)[0], weights)
    converted_networks.write_head(tmp_path / "none", get_network("squeezenet"))
    (tmp_path / "head.npz").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="run convert_networks anew"):
        converted_networks.read_head(tmp_path)
    assert registry.NETWORKS[0].head is not None


def test_up_to_five_classes_are_kept_and_at_least_one() -> None:
    logits = np.zeros((2, 1000), dtype=np.float32)
    logits[0, [3, 7, 9]] = 30, 29, 10
    sure, unsure = seen([11, 12], logits)
    keys = vocabulary().classes
    assert sure.image == 11
    assert [key for key, _ in sure.classes] == [keys[3], keys[7]]
    assert len(unsure.classes) == 1
    shares = shares_of(logits)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    assert sure.classes[0][1] == pytest.approx(float(shares[0, 3]))
    assert all(share >= LEAST for _, share in sure.classes)
    assert KEPT == 5
