"""Runs a network from an OpenVINO IR file, see `search.extractors.engines.conversion`."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gallery.system.concurrency.cores import is_core_limited, usable_cores
from search.extractors.engines.autotune_cache import kept, machine_key, processor_flags
from search.extractors.engines.base import (
    Calibration,
    Maps,
    MapsWork,
    Pixels,
    PrecisionValues,
    Product,
    float32_product,
    whole_maps,
)
from search.extractors.engines.openvino_streams import Requests, Streams, outputs, run_request
from search.extractors.engines.precision import calibration_images, closeness
from search.extractors.engines.timing import least_ms
from search.types import Vectors

_looking = threading.Lock()
CONVERTER = "openvino.tools.ovc"
COSTED = 4  # pictures that the cost of a layer is measured with


def import_openvino() -> Any:
    """Import OpenVINO with its usage reporting switched off.

    OpenVINO falls back to a stub that does nothing when its telemetry package cannot be imported
    (`openvino/tools/ovc/telemetry_utils.py`); None in `sys.modules` makes that import fail. The converter,
    `openvino.tools.ovc`, is left out in the same way: it is half of the import, and only conversion needs it.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    with _looking:
        if "openvino" not in sys.modules:
            sys.modules.setdefault(CONVERTER, None)  # type: ignore[arg-type]
        import openvino

        if CONVERTER in sys.modules and sys.modules[CONVERTER] is None:
            del sys.modules[CONVERTER]

        # OpenVINO makes its table of NumPy types at the first look, inside a C++ guard and with Python's lock
        # let go: two threads that look first at the same time wait for each other for ever.
        openvino.Type.u8.to_dtype()
    return openvino


@dataclass(frozen=True)
class PrecisionChoice:
    """The precision a network runs in: how close the faster one came to float32, and processor ms of each."""

    precision: str
    mean_cosine: float
    lowest_cosine: float
    ms: dict[str, float]


class OpenVINOEngine:
    """Runs an IR file on the processor, in bf16 where that is native, faster and measured to be harmless.

    A lone picture runs with all cores on it. Pictures that come together, in a batch or from several threads,
    run side by side in as many streams as OpenVINO takes for throughput; the first of them load the network a
    second time.
    """

    def __init__(self, ir_path: Path, input_size: int) -> None:
        openvino = import_openvino()
        self._core = openvino.Core()
        self._model = self._core.read_model(ir_path)
        # a number of pictures that is known beforehand takes a twentieth less
        self._single = self._model.clone()
        self._single.reshape([1, input_size, input_size, 3])
        self._input_size = input_size
        self._kept_as = f"{machine_key(openvino.__version__)}.json"
        self._folder = ir_path.parent
        self._loading = threading.Lock()
        self._streams: Streams | None = None
        self._choice: PrecisionChoice | None = None
        if has_native_bf16():
            # those called precision-KEY were chosen by wall clock time
            kept_in = self._folder / f"precision-cpu-{self._kept_as}"
            self._choice = kept(kept_in, PrecisionChoice, self._choose_precision)
        self._precision = self._choice.precision if self._choice else "f32"
        self._compiled = self._for_latency(self._precision)
        self._lone_request = self._compiled.create_infer_request()
        self._callers = 0
        self._counting = threading.Lock()
        # What it was asked for is only a hint: say what it does.
        self.name = f"openvino-{self._compiled.get_property('INFERENCE_PRECISION_HINT').get_type_name()}"

    def run(self, batch: Pixels) -> tuple[Maps, ...]:
        """Return the maps of raw RGB pictures, (n, s, s, 3) uint8 -> (n, h, w, c) float32 for each layer."""
        return whole_maps(self.each, batch)

    def each(self, batch: Pixels, work: MapsWork) -> None:
        """Call `work(start, maps)` for one picture at a time, from threads of the streams if not alone."""
        with self._counting:
            self._callers += 1
            alone = len(batch) == 1 and self._callers == 1
        try:
            if alone:
                run_request(self._lone_request, 0, batch, work)
            else:
                self._side_by_side().each(batch, work)
        finally:
            with self._counting:
                self._callers -= 1

    def product(self, components: NDArray[np.float32]) -> Product:
        """Return what multiplies vectors (n, d_in) by a matrix (d_in, d_out) in the network's precision.

        Reading the matrix is what one vector takes: half of it is half the time.
        """
        if self._precision != "bf16":
            return float32_product(components)
        requests = Requests(self._compile(_product_of(components), "bf16", PERFORMANCE_HINT="LATENCY"))

        def product(vectors: Vectors) -> Vectors:
            with requests.lent() as request:
                return np.array(outputs(request, vectors)[0].data)

        return product

    def calibration(self) -> Calibration:
        """Return what was measured to choose the precision, where there was a choice."""
        return {"precision": cast(PrecisionValues, asdict(self._choice))} if self._choice else {}

    def costs_ms(self, batch: Pixels) -> tuple[float, ...]:
        """Return for each layer the processor milliseconds a picture of the network cut off behind it.

        On one core, by the clock of this thread, in float32: other work on the machine hardly changes them,
        and networks compare, whichever of them keeps its features in bf16.
        """
        few = batch[:COSTED]
        requests = [self._cut(number).create_infer_request() for number in range(len(self._model.outputs))]
        infers = [
            partial(request.infer, [few], share_inputs=True, share_outputs=True) for request in requests
        ]
        return tuple(cost / len(few) for cost in least_ms(infers, time.thread_time))

    def _cut(self, number: int) -> Any:
        """Return the network compiled up to one of its outputs."""
        result = self._model.output(number).node
        model = import_openvino().Model([result], self._model.get_parameters(), "cut")
        return self._compile(model, "f32", PERFORMANCE_HINT="LATENCY", INFERENCE_NUM_THREADS=1)

    def _compile(self, model: Any, precision: str, **more: int | str) -> Any:
        # Left alone, OpenVINO takes bf16 on its own wherever the processor has it: always say which.
        hints = {"INFERENCE_PRECISION_HINT": precision, **_threads(), **more}
        return self._core.compile_model(model, "CPU", hints)

    def _for_latency(self, precision: str) -> Any:
        return self._compile(self._single, precision, PERFORMANCE_HINT="LATENCY")

    def _for_throughput(self) -> Any:
        # pinned, a stream would wait for its core though another one be idle: decoders run on them as well
        return self._compile(
            self._single, self._precision, PERFORMANCE_HINT="THROUGHPUT", ENABLE_CPU_PINNING=False
        )

    def _side_by_side(self) -> Streams:
        """Return the streams for several pictures, loaded by the first call."""
        with self._loading:
            if self._streams is None:
                self._streams = Streams(self._compiled if usable_cores() == 1 else self._for_throughput())
            return self._streams

    def _choose_precision(self) -> PrecisionChoice:
        images = calibration_images(self._input_size)
        requests = {name: self._for_latency(name).create_infer_request() for name in ("f32", "bf16")}
        exact, faster = (whole_maps(partial(_in_turn, one), images) for one in requests.values())
        close = closeness(exact, faster)
        # by processor time: what else the machine does must not decide, as the choice is kept
        infers = [partial(request.infer, [images[:1]]) for request in requests.values()]
        times = least_ms(infers, time.process_time)
        ms = dict(zip(requests, times, strict=True))
        chosen = "bf16" if close.enough and ms["bf16"] < ms["f32"] else "f32"
        return PrecisionChoice(chosen, close.mean, close.lowest, ms)


def _threads() -> dict[str, int]:
    """Return what OpenVINO is told of threads: nothing, or what a process that is held to some cores takes.

    Pinned, the threads of every such process would sit on the same first cores.
    """
    return {"INFERENCE_NUM_THREADS": usable_cores(), "ENABLE_CPU_PINNING": False} if is_core_limited() else {}


def has_native_bf16() -> bool:
    """Say whether the processor computes in bf16; elsewhere it would be emulated, or ignored."""
    return bool(processor_flags() & {"avx512_bf16", "amx_bf16"})


def _product_of(components: NDArray[np.float32]) -> Any:
    """Return a model that multiplies (n, d_in) by a matrix (d_in, d_out)."""
    from openvino import opset13 as operations

    vectors = operations.parameter([-1, len(components)], np.float32)
    matrix = operations.constant(np.ascontiguousarray(components))
    return import_openvino().Model([operations.matmul(vectors, matrix, False, False)], [vectors], "product")


def _in_turn(request: Any, batch: Pixels, work: MapsWork) -> None:
    for start in range(len(batch)):
        run_request(request, start, batch[start : start + 1], work)
