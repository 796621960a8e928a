"""Turns a stream of images into embeddings: read, decode, run the network, write, each beside the others."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage

from gallery.errors import NotFoundError, SemsearchError
from gallery.imaging import decoding
from gallery.imaging.limits import image_limits
from gallery.models import Image
from gallery.system.concurrency.cores import core_lock
from gallery.system.concurrency.read_ahead import Limits, read_ahead
from gallery.system.home import storage_mark
from gallery.system.measuring.stage_timer import StageTimer
from gallery.system.storage import StorageUnavailableError, storage_errors
from gallery.words import suggestions
from gallery.words.suggestions import Seen
from search.embedding import seen_words
from search.embedding.writer import store_embeddings
from search.models import SearchIndex
from search.types import RGB, Ids, Vectors

AHEAD_BATCHES = 4  # of decoded pictures before the network
BATCHES_UNDERWAY = 3  # one in the network, the others ready for it
STORE_TOGETHER = 128  # vectors written in one transaction, unless they would wait longer than
STORE_WITHIN_S = 0.25


class Network(Protocol):
    """What the pipeline asks of a `FeatureExtractor`."""

    def prepare(self, rgb: RGB) -> RGB:
        """Return a picture (h, w, 3) uint8 as the network takes it, (s, s, 3) uint8."""
        ...

    def extract_with_logits(self, prepared: RGB) -> tuple[Vectors, Vectors | None]:
        """Return the vectors of prepared pictures in their order, (n, s, s, 3) uint8 -> (n, d) float32.

        Beside them, of the same pass, the logits of ImageNet's classes, where the network tells them.
        """
        ...


@dataclass(frozen=True)
class ProgressCallbacks:
    """What whoever asked for embeddings is told meanwhile; either may raise to stop it.

    `failed` is called for each picture that cannot be used, and returns whether it is one: not where it was
    deleted meanwhile. `done` is called with how many are stored or have failed.
    """

    failed: Callable[[Image, SemsearchError], bool]
    done: Callable[[int], None]


@dataclass(frozen=True)
class Embedded:
    """How many pictures got an embedding and how many could not, and the seconds each stage worked."""

    stored: int
    failed: int
    stages: dict[str, float]


def embed_stored(
    rows: Iterable[Image], index: SearchIndex, network: Network, callbacks: ProgressCallbacks
) -> Embedded:
    """Give stored images (with pk, file and filename) embeddings under an index's spec, in bounded memory.

    Images deleted meanwhile, and those that got an embedding from elsewhere, are passed over.
    """
    clock, failed = StageTimer(), 0
    with Embedder(index, network, clock) as embedder:
        for image, outcome in prepared(rows, index.spec.input_size, network.prepare, clock):
            if isinstance(outcome, SemsearchError):
                failed += callbacks.failed(image, outcome)
            else:
                embedder.add(image.pk, outcome)
            callbacks.done(embedder.stored + failed)
        embedder.finish()
    return Embedded(embedder.stored, failed, clock.as_result())


class Embedder:
    """Takes prepared pictures one by one; the network runs beside the caller, who also writes what comes out.

    Used as a context manager by one thread. Leaving it with an error drops what is not stored yet.
    """

    def __init__(self, index: SearchIndex, network: Network, clock: StageTimer) -> None:
        self.stored = 0
        self._index, self._network, self._clock = index, network, clock
        self._batch: list[tuple[int, RGB]] = []
        self._underway: deque[tuple[Ids, Future[tuple[Vectors, list[Seen]]]]] = deque()
        self._finished: list[tuple[Ids, Vectors, list[Seen]]] = []
        self._waiting_since = 0.0
        self._opened = ExitStack()

    def __enter__(self) -> Embedder:
        """Start the thread of the network."""
        self._opened.enter_context(one_blas_thread())
        self._engine = ThreadPoolExecutor(1, thread_name_prefix="network")
        self._opened.callback(self._engine.shutdown, cancel_futures=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the thread; its last batch is waited for."""
        self._opened.close()

    def add(self, image_id: int, image: RGB) -> None:
        """Take a prepared picture (s, s, 3) uint8; waits while the network is behind, raises its errors."""
        self._batch.append((image_id, image))
        if len(self._batch) >= settings.EXTRACT_BATCH:
            self._submit()
        self._store_finished()

    def finish(self) -> None:
        """Wait until everything that was taken is stored."""
        if self._batch:
            self._submit()
        while self._underway:
            self._collect()
        self._store()

    def _submit(self) -> None:
        while len(self._underway) >= BATCHES_UNDERWAY:
            self._collect()
        ids = np.array([pk for pk, _ in self._batch], dtype=np.int64)
        images = [image for _, image in self._batch]
        self._underway.append((ids, self._engine.submit(self._run, ids, images)))
        self._batch = []

    def _run(self, ids: Ids, images: list[RGB]) -> tuple[Vectors, list[Seen]]:
        with core_lock(), self._clock.timed("engine"):
            vectors, logits = self._network.extract_with_logits(np.stack(images))
            return vectors, [] if logits is None else seen_words.seen(ids, logits)

    def _collect(self) -> None:
        ids, running = self._underway.popleft()
        vectors, seen = running.result()
        if not self._finished:
            self._waiting_since = time.monotonic()
        self._finished.append((ids, vectors, seen))

    def _store_finished(self) -> None:
        while self._underway and self._underway[0][1].done():
            self._collect()
        many = sum(len(ids) for ids, *_ in self._finished) >= STORE_TOGETHER
        if many or (self._finished and time.monotonic() - self._waiting_since > STORE_WITHIN_S):
            self._store()

    def _store(self) -> None:
        if not self._finished:
            return
        ids, vectors, seen = zip(*self._finished, strict=True)
        with self._clock.timed("write"):
            # before the embeddings: nobody looks again at an image that has one
            suggestions.store(self._index.dataset_id, chain.from_iterable(seen))
            self.stored += store_embeddings(self._index, np.concatenate(ids), np.concatenate(vectors))
        self._finished = []


def prepared(
    rows: Iterable[Image], side: int, prepare: Callable[[RGB], RGB], clock: StageTimer
) -> Iterator[tuple[Image, RGB | SemsearchError]]:
    """Read, decode and prepare stored pictures ahead of the network, on every core.

    `side` is how many pixels the shorter side of a decoded picture should keep. A picture that cannot be
    used comes with its error.
    """

    def read(image: Image) -> RGB:
        with clock.timed("read"), storage_errors(), default_storage.open(str(image.file.name)) as file:
            data = file.read()
        limits = image_limits(of_a_job=True)
        with (
            core_lock(),
            clock.timed("decode"),
            decoding.held(data, limits, shortest_side=side) as (_, rgb),
        ):
            return prepare(rgb)

    limits = Limits(AHEAD_BATCHES * settings.EXTRACT_BATCH)
    for image, pixels in read_ahead(read, rows, limits, threads_named="decode"):
        yield image, _outcome(pixels)


def _outcome(pixels: Future[RGB]) -> RGB | SemsearchError:
    try:
        return pixels.result()
    except SemsearchError as error:
        return error
    except StorageUnavailableError:  # every other image would fail of it too
        raise
    except OSError as error:
        storage_mark.require()  # as well, where all are gone
        return NotFoundError(f"The stored file cannot be read ({error}); import the image again.")


_limiting = threading.Lock()
_limits: list[Any] = []  # the one limit in force, once for each that wants it


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let NumPy multiply with one thread meanwhile, in this whole process.

    Its threads go on spinning for some milliseconds after each product, on cores that the network needs:
    with two of them, batches of 16 took 18 % longer.
    """
    from threadpoolctl import threadpool_limits

    with _limiting:
        _limits.append(_limits[0] if _limits else threadpool_limits(1, user_api="blas"))
    try:
        yield
    finally:
        with _limiting:
            last = _limits.pop()
            if not _limits:
                last.restore_original_limits()
