"""Runs a network from an OpenVINO IR file, which is made from Keras once and kept."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gallery.errors import WeightsError
from search.extractors.architecture import Architecture
from search.extractors.engines import Maps, Pixels, joined
from search.extractors.subprocesses import run_module
from search.extractors.timing import least_ms

IR_FILE = "model.xml"
IR_FORMAT = 1  # raise when convert.py changes what it writes; old cache entries are then passed over
CONVERSION_LIMIT_S = 600
OPENVINO_CHUNK = 4  # measured: larger batches fall out of the cache, see docs/choosing-the-default.md
LEAST_COSINE_OF_BF16 = 0.995


def import_openvino() -> Any:
    """Import OpenVINO with its usage reporting switched off.

    OpenVINO falls back to a stub that does nothing when its telemetry package cannot be imported
    (`openvino/tools/ovc/telemetry_utils.py`); None in `sys.modules` makes that import fail.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class OpenVINOEngine:
    """Runs an IR file on the processor, in bf16 where that is native and measured to be harmless."""

    def __init__(self, ir_path: Path, input_size: int) -> None:
        self._core = import_openvino().Core()
        self._model = self._core.read_model(ir_path)
        self._requests = threading.local()
        self._compiled = self._compile(self._model, "f32")
        self.name = "openvino-f32"
        if _has_native_bf16():
            self._use_bf16_if_close(input_size)

    def run(self, batch: Pixels) -> tuple[Maps, ...]:
        """Return the maps of raw RGB pictures, (n, s, s, 3) uint8 -> (n, h, w, c) float32 for each layer."""
        return joined(self.chunks(batch), len(batch))

    def chunks(self, batch: Pixels) -> Iterator[tuple[Maps, ...]]:
        """Yield the maps of four pictures at a time, in the memory of the request itself."""
        if not hasattr(self._requests, "own"):  # a request is not thread-safe; a compiled model is
            self._requests.own = self._compiled.create_infer_request()
        return _chunks(self._requests.own, batch)

    def costs_ms(self, batch: Pixels) -> tuple[float, ...]:
        """Return for each layer the processor milliseconds a picture of the network cut off behind it.

        On one core, by the clock of this thread, in float32: other work on the machine hardly changes them,
        and networks compare, whichever of them keeps its features in bf16.
        """
        few = batch[:OPENVINO_CHUNK]
        requests = [self._cut(number).create_infer_request() for number in range(len(self._model.outputs))]
        infers = [
            partial(request.infer, [few], share_inputs=True, share_outputs=True) for request in requests
        ]
        return tuple(cost / len(few) for cost in least_ms(infers, time.thread_time))

    def _cut(self, number: int) -> Any:
        """Return the network compiled up to one of its outputs."""
        result = self._model.output(number).node
        model = import_openvino().Model([result], self._model.get_parameters(), "cut")
        return self._compile(model, "f32", INFERENCE_NUM_THREADS=1)

    def _compile(self, model: Any, precision: str, **more: int) -> Any:
        # Left alone, OpenVINO takes bf16 on its own wherever the processor has it: always say which.
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision, **more}
        return self._core.compile_model(model, "CPU", hints)

    def _use_bf16_if_close(self, input_size: int) -> None:
        pictures = calibration_pictures(input_size)
        exact = _averages(self._compiled, pictures)
        faster = self._compile(self._model, "bf16")
        for one, other in zip(exact, _averages(faster, pictures), strict=True):
            lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
            if np.any((one * other).sum(axis=1) < LEAST_COSINE_OF_BF16 * lengths):
                return
        self._compiled = faster
        # What it was asked for is only a hint: say what it does.
        used = faster.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        self.name = f"openvino-{used}"


def converted(architecture: Architecture, layers: tuple[str, ...], input_size: int, cache_dir: Path) -> Path:
    """Return the cached IR file of a network up to taps, converting it first in another process if needed.

    Raises:
        WeightsError: the weights cannot be had or the conversion failed.
    """
    # One layer is named; several would make too long a name of a folder.
    named = (
        layers[0]
        if len(layers) == 1
        else f"taps-{hashlib.sha256(','.join(layers).encode()).hexdigest()[:12]}"
    )
    key = f"{architecture.name}-{architecture.weights_digest[:16]}-{named}-{input_size}-v{IR_FORMAT}"
    entry = cache_dir / "openvino" / key
    if not (entry / IR_FILE).exists():
        entry.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=entry.parent))
        try:
            _convert_in_subprocess(architecture, layers, input_size, aside)
            _publish(aside, entry)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return entry / IR_FILE


def calibration_pictures(input_size: int) -> Pixels:
    """Return four fixed pictures (4, s, s, 3) uint8 of smooth structure, to compare precisions on."""
    rows, columns, channels = np.ogrid[:input_size, :input_size, :3]
    waves = [
        np.sin(rows / (5 + 9 * n) + channels) + np.cos(columns / (7 + 5 * n) + rows / 40) for n in range(4)
    ]
    return np.stack([np.asarray(127.5 + 63 * wave, dtype=np.uint8) for wave in waves])


def _chunks(request: Any, batch: Pixels) -> Iterator[tuple[Maps, ...]]:
    for start in range(0, len(batch), OPENVINO_CHUNK):
        request.infer([batch[start : start + OPENVINO_CHUNK]], share_inputs=True, share_outputs=True)
        yield tuple(tensor.data for tensor in request.output_tensors)


def _averages(compiled: Any, pictures: Pixels) -> list[Maps]:
    maps = joined(_chunks(compiled.create_infer_request(), pictures), len(pictures))
    return [one.mean(axis=(1, 2)) for one in maps]


def _publish(aside: Path, entry: Path) -> None:
    try:
        aside.rename(entry)
    except OSError:  # another process was first: a full directory is never replaced, and theirs is as good
        if not (entry / IR_FILE).exists():
            raise


def _convert_in_subprocess(
    architecture: Architecture, layers: tuple[str, ...], input_size: int, directory: Path
) -> None:
    arguments = (architecture.source, ",".join(layers), str(input_size), str(directory))
    try:
        run_module("search.extractors.convert", *arguments, limit_s=CONVERSION_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise WeightsError(
            f"Converting {architecture.name} for OpenVINO took over {CONVERSION_LIMIT_S} s."
        ) from error
    except subprocess.CalledProcessError as error:
        raise WeightsError(
            f"{architecture.name} could not be converted for OpenVINO: {error.stderr}"
        ) from error


def _has_native_bf16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
