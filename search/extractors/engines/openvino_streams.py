"""Runs a batch through an OpenVINO network in several streams, as many as were measured to be fastest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.system.cores import usable_cores
from search.extractors.engines.base import MapsWork, Pixels
from search.extractors.engines.precision import generated_pictures
from search.extractors.engines.timing import OthersAtWork, least_ms

MORE_PICTURES = (2, 4)  # a request; more fall out of the cache and were slower wherever they were measured
PICTURES_A_CORE = 4
ROUNDS = 3
LIMIT_S = 0.8  # of each of the two comparisons


@dataclass(frozen=True)
class BatchChoice:
    """How batches run: streams side by side, pictures a request, and what was measured (streams x chunk).

    `others_share` is the share of the machine that other processes took meanwhile.
    """

    streams: int
    chunk: int
    images_per_s: dict[str, float]
    others_share: float


class Requests:
    """Lends requests of a compiled network, with room for the maps: a new one only if all are lent.

    A compiled network is thread-safe, a request is not. One a thread would be many for the threads of a web
    server, few of which ask the network at a time.
    """

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._idle: list[Any] = []

    @contextmanager
    def lent(self) -> Iterator[Any]:
        """Lend a request that no other thread uses."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            yield request
        finally:
            self._idle.append(request)


class Streams:
    """Runs chunks of batches side by side in streams of a network; callers share the streams."""

    def __init__(self, compiled: Any, count: int) -> None:
        self._compiled, self._count = compiled, count
        self._requests = Requests(compiled)
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="stream")

    def each(self, batch: Pixels, chunk: int, work: MapsWork) -> None:
        """Call `work(start, maps)` for every `chunk` pictures, from the threads of the streams.

        A few pictures come in smaller chunks, so that every stream has some of them.
        """
        chunk = min(chunk, -(-len(batch) // self._count))
        running = [
            self._pool.submit(self._run, start, batch[start : start + chunk], work)
            for start in range(0, len(batch), chunk)
        ]
        for one in running:
            one.result()

    def one_of(self, batch: Pixels, chunk: int, work: MapsWork) -> None:
        """Call `work(start, maps)` for `chunk` pictures after the other in one stream, from this thread."""
        with self._requests.lent() as request:
            for start in range(0, len(batch), chunk):
                pixels = batch[start : start + chunk]
                # Run from here, a request would keep to the stream that this thread once was given,
                # though that one be taken and another free.
                request.start_async([pixels], share_inputs=True)
                request.wait()
                work(start, tuple(tensor.data for tensor in request.output_tensors))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _run(self, start: int, pixels: Pixels, work: MapsWork) -> None:
        with self._requests.lent() as request:
            run_request(request, start, pixels, work)


def run_request(request: Any, start: int, pixels: Pixels, work: MapsWork) -> None:
    """Run one request and hand its maps on in the memory of the request itself."""
    work(start, tuple(tensor.data for tensor in outputs(request, pixels)))


def outputs(request: Any, given: NDArray[Any]) -> Any:
    """Run one request on an array, which it reads where it lies, and return its output tensors.

    `infer` would look through what it is given in Python, twice as long as all else that it does there.
    """
    import openvino

    plain = np.require(given, requirements=("C_CONTIGUOUS", "WRITEABLE"))
    request.set_input_tensor(openvino.Tensor(plain, shared_memory=True))
    request.infer(share_outputs=True)
    return request.output_tensors


def fastest(compiled_for: Callable[[int, int], Any], side: int) -> BatchChoice:
    """Time a few numbers of streams of one picture, then more pictures with the best; takes two seconds.

    `compiled_for` gives the network compiled for a number of streams and of pictures a request.
    """
    cores = usable_cores()
    # Of many cores not every number is tried: what counts is whether a picture is spread over cores at all.
    counts = sorted({1, max(1, cores // 4), max(1, cores // 2), cores})
    batch = np.resize(generated_pictures(side), (PICTURES_A_CORE * cores, side, side, 3))
    others = OthersAtWork()
    rates = _rates(compiled_for, [(count, 1) for count in counts], batch)
    best, _ = max(rates, key=rates.__getitem__)
    rates |= _rates(compiled_for, [(best, chunk) for chunk in (1, *MORE_PICTURES)], batch)
    count, chunk = max((key for key in rates if key[0] == best), key=rates.__getitem__)
    measured = {f"{one}x{two}": round(rate, 1) for (one, two), rate in rates.items()}
    return BatchChoice(count, chunk, measured, round(others.share(), 2))


def _rates(
    compiled_for: Callable[[int, int], Any], candidates: list[tuple[int, int]], batch: Pixels
) -> dict[tuple[int, int], float]:
    """Return the pictures a second of each (streams, chunk)."""
    streams = [Streams(compiled_for(*candidate), candidate[0]) for candidate in candidates]
    try:
        works = [
            partial(one.each, batch, chunk, _ignored)
            for one, (_, chunk) in zip(streams, candidates, strict=True)
        ]
        times = least_ms(works, rounds=ROUNDS, limit_s=LIMIT_S)
    finally:
        for one in streams:
            one.close()
    return {one: 1000 * len(batch) / time_ms for one, time_ms in zip(candidates, times, strict=True)}


def _ignored(_start: int, _maps: object) -> None:
    """Do nothing with the maps: only the network is timed."""
