"""Runs pictures through an OpenVINO network side by side, in as many streams as it was compiled for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.extractors.engines.base import MapsWork, Pixels


class Requests:
    """Lends requests of a compiled network to threads, of which few ask at a time; made when all are lent."""

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
    """Runs single pictures side by side in the streams of a network, in the order in which they came."""

    def __init__(self, compiled: Any) -> None:
        self.count = int(compiled.get_property("NUM_STREAMS"))
        self._compiled = compiled
        self._own = threading.local()  # a compiled network is thread-safe, a request is not
        self._pool = ThreadPoolExecutor(self.count, "stream")

    def each(self, batch: Pixels, work: MapsWork) -> None:
        """Call `work(start, maps)` for every picture, from the threads of the streams.

        Raises what `work` raised for one of them.
        """
        running = [
            self._pool.submit(self._run, start, batch[start : start + 1], work) for start in range(len(batch))
        ]
        for one in running:
            one.result()

    def _run(self, start: int, pixels: Pixels, work: MapsWork) -> None:
        run_request(self._request(), start, pixels, work)

    def _request(self) -> Any:
        """Return the request of this thread; made here, not as the thread begins, which must not fail."""
        if not hasattr(self._own, "request"):
            self._own.request = self._compiled.create_infer_request()
        return self._own.request


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
