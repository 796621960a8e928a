"""semsearch as a library: no server, no settings, no folder that has to be there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import semsearch
from search.index.base import IndexInputError
from tests.conftest import sample_files

ROOT = Path(__file__).resolve().parent.parent
MODEL = "efficientnet-lite0"


def test_images_in_any_form_give_the_same_vectors(cache_dir: Path) -> None:
    file = sample_files("clipart200")[0]
    pixels = semsearch.read_image(file)
    forms: list[Any] = [str(file), file, file.read_bytes(), pixels, Image.fromarray(pixels)]
    told: list[tuple[str, int, int]] = []
    vectors = semsearch.extract(
        forms, model=MODEL, cache_dir=cache_dir, on_progress=lambda *words: told.append(words)
    )
    assert vectors.shape == (5, 1280)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, vectors[0], atol=1e-4)
    assert told[-1] == ("Extracting", 5, 5)
    assert semsearch.extract([], model=MODEL, cache_dir=cache_dir).shape == (0, 1280)


def test_layers_come_in_one_pass_and_maps_as_they_are(cache_dir: Path) -> None:
    file = sample_files("clipart200")[0]
    names = semsearch.network(MODEL).layers
    vectors = semsearch.extract_layers([file], model=MODEL, cache_dir=cache_dir)
    maps = semsearch.feature_maps(file, model=MODEL, layers=names[:2], cache_dir=cache_dir)
    assert tuple(vectors) == names
    for name, found in maps.items():
        assert found.shape == semsearch.network(MODEL).map_shape(name, 224)
        assert np.allclose(found.mean(axis=(0, 1)), vectors[name][0], atol=1e-3)


def test_the_default_is_what_a_site_searches_with(cache_dir: Path) -> None:
    assert semsearch.extract(sample_files("clipart200")[:2], cache_dir=cache_dir).shape == (2, 512)


def test_an_index_finds_itself_first_and_comes_back_from_its_file(tmp_path: Path) -> None:
    vectors = np.random.default_rng(3).standard_normal((50, 16)).astype(np.float32)
    ids = np.arange(50)[::-1] * 7
    index = semsearch.Index(vectors, ids)
    found, scores = index.search(vectors, k=3)
    assert (found[:, 0] == ids).all()
    assert np.allclose(scores[:, 0], 1, atol=1e-5)
    index.save(tmp_path / "birds.index")
    again = semsearch.Index.load(tmp_path / "birds.index")
    assert (again.search(vectors[4], k=60)[0] == index.search(vectors[4], k=60)[0]).all()
    assert (again.search(vectors[4], k=60)[0][0, 50:] == -1).all()


def test_scores_are_those_of_experiments() -> None:
    vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], dtype=np.float32)
    assert semsearch.score(vectors, ["a", "a", "b", "b"], k=1) == semsearch.Scores(100, 100, 100)
    # of two results the first is right: two thirds by weight, half by count
    assert semsearch.score(vectors, ["a", "a", "b", "b"], k=2) == semsearch.Scores(66.67, 50, 100)


def test_what_is_learned_of_labels_finds_more_of_them_among_images_that_it_did_not_learn_from() -> None:
    random = np.random.default_rng(1)
    kinds = np.repeat(np.arange(3), 20)
    vectors = random.normal(size=(60, 12)) * np.r_[np.ones(3), np.full(9, 2.0)]
    vectors[:, :3] += 2 * np.eye(3)[kinds]
    labels = [f"kind {kind}" for kind in kinds]
    found = semsearch.tune(vectors, labels)
    assert found.categories == ["kind 0", "kind 1", "kind 2"]
    assert found.after > found.before + 10
    assert found.gains
    assert found.apply(vectors).shape == (60, 15)
    nothing = semsearch.tune(vectors, random.permutation(labels).tolist())
    assert not nothing.gains


def test_a_map_has_a_point_for_each_vector_and_keeps_groups_apart() -> None:
    random = np.random.default_rng(5)
    vectors = np.concatenate([random.normal(side, 0.1, (20, 8)) for side in (-1, 1)])
    points = semsearch.project(vectors, "pca", metric="euclidean")
    assert points.shape == (40, 2)
    assert points[:20, 0].max() < points[20:, 0].min() or points[:20, 0].min() > points[20:, 0].max()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: semsearch.extract(["nowhere.jpg"], model="colour-histogram"), "nowhere.jpg cannot be read"),
        (lambda: semsearch.extract("wren.jpg", model="colour-histogram"), "Give a list"),
        (lambda: semsearch.extract([b"no image"], model="colour-histogram"), "not"),
        (lambda: semsearch.extract([], model="resnet"), "There is no network called 'resnet'"),
        (lambda: semsearch.extract_layers([], model=MODEL, layers=["middle"]), "has no layer 'middle'"),
        (lambda: semsearch.read_image(np.zeros((4, 4, 3))), "of float64 is no image"),
        (lambda: semsearch.project(np.zeros((9, 2)), "pla"), "There is no method 'pla'"),
        (lambda: semsearch.score(np.zeros((3, 2)), ["a"]), "n labels"),
        (lambda: semsearch.tune(np.zeros((3, 2)), ["a"]), "n labels"),
        (lambda: semsearch.tune(np.ones((3, 2)), ["a", "b", ""]), "nothing to learn"),
    ],
)
def test_errors_say_what_to_do(call: Any, words: str) -> None:
    with pytest.raises(semsearch.SemsearchError, match=words):
        call()


def test_an_id_that_is_given_twice_is_refused() -> None:
    with pytest.raises(IndexInputError, match="twice"):
        semsearch.Index(np.eye(2), [1, 1])


def test_it_needs_no_settings_and_loads_nothing_heavy_before_it_is_used(tmp_path: Path) -> None:
    script = (
        "import semsearch, sys; semsearch.networks(); semsearch.Index\n"
        "heavy = ('django', 'tensorflow', 'faiss', 'openvino', 'umap')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT, env={"PATH": "/usr/bin", "HOME": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []
