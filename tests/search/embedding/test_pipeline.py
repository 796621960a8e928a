"""The pipeline from images to embeddings: stages beside each other, every vector with its own picture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from gallery import jobs
from gallery.errors import SemsearchError
from gallery.models import Dataset, Image
from gallery.system.concurrency import cores
from gallery.system.measuring.stage_timer import StageTimer
from search.embedding import pipeline
from search.embedding.pipeline import Embedder, ProgressCallbacks, embed_stored, one_blas_thread
from search.features import feature_specs
from search.models import Embedding, SearchIndex
from search.types import RGB, Vectors


class Averages:
    """Stands for a network: the vector of a picture is its mean colour, in every place."""

    def __init__(self, dims: int, *, fails_at: int = -1, pause_s: float = 0.0) -> None:
        self.dims, self.fails_at, self.pause_s = dims, fails_at, pause_s
        self.batches: list[int] = []
        self.threads: set[str] = set()

    def prepare(self, rgb: RGB) -> RGB:
        return np.full((2, 2, 3), rgb.mean(), dtype=np.uint8)

    def extract_with_logits(self, prepared: RGB) -> tuple[Vectors, None]:
        if len(self.batches) == self.fails_at:
            raise ValueError("the network broke")
        time.sleep(self.pause_s)
        self.batches.append(len(prepared))
        self.threads.add(threading.current_thread().name)
        return np.repeat(prepared[:, 0, 0, :1].astype(np.float32), self.dims, axis=1), None


@pytest.fixture
def index(dataset: Dataset, sample_folder: Callable[..., Path], settings: Any) -> SearchIndex:
    """Return the empty index of a dataset with twelve pictures."""
    settings.EXTRACT_BATCH = 4
    jobs.perform_now(jobs.IMPORT, dataset, path=str(sample_folder()), announce=False)
    return feature_specs.live_index(dataset)


def flat_image(level: int) -> RGB:
    return np.full((2, 2, 3), level, dtype=np.uint8)


def stored_levels(index: SearchIndex) -> dict[int, float]:
    rows = Embedding.objects.filter(spec=index.spec).values_list("image_id", "vector")
    return {pk: float(np.frombuffer(bytes(vector), dtype="<f2")[0]) for pk, vector in rows}


def quiet() -> ProgressCallbacks:
    return ProgressCallbacks(lambda image, error: True, lambda done: None)


def test_every_image_gets_its_own_vector_in_full_batches(index: SearchIndex) -> None:
    images = list(Image.objects.order_by("pk"))[:10]
    network = Averages(index.spec.dims)
    with Embedder(index, network, StageTimer()) as embedder:
        for number, image in enumerate(images):
            embedder.add(image.pk, flat_image(number))
        embedder.finish()
    assert network.batches == [4, 4, 2]
    assert threading.current_thread().name not in network.threads
    assert embedder.stored == 10
    assert stored_levels(index) == {image.pk: float(number) for number, image in enumerate(images)}


def test_what_the_network_raises_reaches_the_caller_and_what_was_stored_stays(
    index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "STORE_TOGETHER", 1)
    images = list(Image.objects.order_by("pk"))
    with Embedder(index, Averages(index.spec.dims, fails_at=1), StageTimer()) as embedder:
        for image in images[:4]:
            embedder.add(image.pk, flat_image(1))
        embedder.finish()

        def go_on() -> None:  # until it is seen: a quick network has broken before the last one is added
            for image in images[4:8]:
                embedder.add(image.pk, flat_image(2))
            embedder.finish()

        with pytest.raises(ValueError, match="the network broke"):
            go_on()
    assert set(stored_levels(index)) == {image.pk for image in images[:4]}


def test_a_process_held_to_one_core_does_not_decode_while_its_network_runs(
    index: SearchIndex, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.EXTRACT_BATCH = 1
    at_once: set[int] = set()
    working = [0]

    class Watched(Averages):
        def prepare(self, rgb: RGB) -> RGB:
            with self.seen():
                return super().prepare(rgb)

        def extract_with_logits(self, prepared: RGB) -> tuple[Vectors, None]:
            with self.seen():
                return super().extract_with_logits(prepared)

        @contextmanager
        def seen(self) -> Iterator[None]:
            working[0] += 1
            at_once.add(working[0])
            time.sleep(0.005)
            yield
            working[0] -= 1

    network = Watched(index.spec.dims)
    embed_stored(Image.objects.order_by("pk"), index, network, quiet())
    assert max(at_once) > 1
    Embedding.objects.all().delete()
    at_once.clear()
    monkeypatch.setattr(cores, "_limit", 1)
    assert embed_stored(Image.objects.order_by("pk"), index, network, quiet()).stored == 12
    assert at_once == {1}


def test_reading_waits_for_a_network_that_is_behind(index: SearchIndex, settings: Any) -> None:
    settings.EXTRACT_BATCH = 1
    read: list[int] = []
    ahead: list[int] = []
    network = Averages(index.spec.dims, pause_s=0.02)

    def rows() -> Iterator[Image]:
        for image in Image.objects.order_by("pk"):
            read.append(image.pk)
            yield image

    def done(count: int) -> None:
        ahead.append(len(read) - len(network.batches))

    embed_stored(rows(), index, network, ProgressCallbacks(lambda *_: True, done))
    assert len(network.batches) == 12
    assert max(ahead) <= pipeline.AHEAD_BATCHES + pipeline.BATCHES_UNDERWAY + 2 < 12


def test_stages_are_timed_and_an_image_that_cannot_be_read_is_told(index: SearchIndex) -> None:
    torn = Image.objects.order_by("pk")[5]
    Path(torn.file.path).write_bytes(b"torn")
    told: list[tuple[int, str]] = []
    rows = Image.objects.order_by("pk")

    def failed(image: Image, error: SemsearchError) -> bool:
        told.append((image.pk, error.code))
        return True

    found = embed_stored(rows, index, Averages(index.spec.dims), ProgressCallbacks(failed, lambda done: None))
    assert (found.stored, found.failed) == (11, 1)
    assert told == [(torn.pk, "not_a_picture")]
    assert set(found.stages) == {"read_s", "decode_s", "engine_s", "write_s"}
    assert torn.pk not in stored_levels(index)


def test_images_that_have_an_embedding_already_are_passed_over(index: SearchIndex) -> None:
    rows = Image.objects.order_by("pk")
    network = Averages(index.spec.dims)
    assert embed_stored(rows[:5], index, network, quiet()).stored == 5
    assert embed_stored(rows, index, network, quiet()).stored == 7
    assert Embedding.objects.count() == 12


def test_numpy_multiplies_with_one_thread_until_the_last_that_asked_for_it_ends() -> None:
    def threads() -> set[int]:
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    before = threads()
    first, second = one_blas_thread(), one_blas_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert threads() == {1}
    second.__exit__(None, None, None)
    assert threads() == before
