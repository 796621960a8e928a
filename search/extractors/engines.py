"""Runs a network up to one of its taps, with OpenVINO on processors and TensorFlow on graphics cards."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from search.extractors.registry import Architecture

Pixels = NDArray[np.uint8]  # (n, s, s, 3)
Maps = NDArray[np.float32]  # (n, h, w, c)

IR_FILE = "model.xml"
IR_FORMAT = 1  # raise when convert.py changes what it writes; old cache entries are then passed over
CONVERSION_LIMIT_S = 600
OPENVINO_CHUNK = 4  # measured: larger batches fall out of the cache, see docs/choosing-the-default.md
TENSORFLOW_BATCHES = (1, 8, 32)
LEAST_COSINE_OF_BF16 = 0.995


class Engine(Protocol):
    """Runs one network up to one layer at one input size; may be called from several threads."""

    name: str

    def run(self, batch: Pixels) -> Maps:
        """Return the feature maps of raw RGB pictures, (n, s, s, 3) uint8 -> (n, h, w, c) float32."""
        ...


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
        self._compiled = self._compile("f32")
        self.name = "openvino-f32"
        if _has_native_bf16():
            self._use_bf16_if_close(input_size)

    def run(self, batch: Pixels) -> Maps:
        """Return the feature maps of raw RGB pictures, (n, s, s, 3) uint8 -> (n, h, w, c) float32."""
        if not hasattr(self._requests, "own"):  # a request is not thread-safe; a compiled model is
            self._requests.own = self._compiled.create_infer_request()
        return _run_chunks(self._requests.own, batch)

    def _compile(self, precision: str) -> Any:
        # Left alone, OpenVINO takes bf16 on its own wherever the processor has it: always say which.
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        return self._core.compile_model(self._model, "CPU", hints)

    def _use_bf16_if_close(self, input_size: int) -> None:
        pictures = calibration_pictures(input_size)
        exact = _run_chunks(self._compiled.create_infer_request(), pictures).mean(axis=(1, 2))
        faster = self._compile("bf16")
        close = _run_chunks(faster.create_infer_request(), pictures).mean(axis=(1, 2))
        lengths = np.linalg.norm(exact, axis=1) * np.linalg.norm(close, axis=1)
        if np.all((exact * close).sum(axis=1) >= LEAST_COSINE_OF_BF16 * lengths):
            self._compiled = faster
            # What it was asked for is only a hint: say what it does.
            used = faster.get_property("INFERENCE_PRECISION_HINT").get_type_name()
            self.name = f"openvino-{used}"


class TensorFlowEngine:
    """Runs the Keras network as a compiled graph; batches are padded to a few sizes, each traced once."""

    def __init__(self, architecture: Architecture, layer: str) -> None:
        import tensorflow as tf

        network = architecture.builder((layer,))
        # No XLA: it was measured to be 15 times slower on processors.
        self._function = tf.function(
            lambda pixels: network(tf.cast(pixels, tf.float32), training=False), autograph=False
        )
        self._tf = tf
        self.name = "tensorflow-gpu" if tf.config.list_physical_devices("GPU") else "tensorflow"

    def run(self, batch: Pixels) -> Maps:
        """Return the feature maps of raw RGB pictures, (n, s, s, 3) uint8 -> (n, h, w, c) float32."""
        largest = TENSORFLOW_BATCHES[-1]
        parts = [self._run_padded(batch[start : start + largest]) for start in range(0, len(batch), largest)]
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _run_padded(self, batch: Pixels) -> Maps:
        size = next(size for size in TENSORFLOW_BATCHES if size >= len(batch))
        padded = np.zeros((size, *batch.shape[1:]), dtype=np.uint8)
        padded[: len(batch)] = batch
        maps = self._function(self._tf.constant(padded)).numpy()
        return np.ascontiguousarray(maps[: len(batch)], dtype=np.float32)


def load_engine(
    architecture: Architecture, layer: str, input_size: int, *, kind: str = "auto", cache_dir: Path
) -> Engine:
    """Return an engine for a network, tap and input size; `kind` is auto, openvino or tensorflow.

    "auto" is TensorFlow when it sees a graphics card, else OpenVINO when installed, else TensorFlow.

    Raises:
        NotFoundError: there is no such tap or kind of engine.
        WeightsError: the weights cannot be had or the conversion failed.
    """
    architecture.require_tap(layer)
    if kind == "auto":
        kind = _best_kind()
    if kind == "tensorflow":
        return TensorFlowEngine(architecture, layer)
    if kind == "openvino":
        return OpenVINOEngine(converted(architecture, layer, input_size, cache_dir), input_size)
    raise NotFoundError(f"There is no engine {kind!r}; there are auto, openvino and tensorflow.")


def converted(architecture: Architecture, layer: str, input_size: int, cache_dir: Path) -> Path:
    """Return the cached IR file of a network up to a tap, converting it first in another process if needed.

    Raises:
        WeightsError: the weights cannot be had or the conversion failed.
    """
    key = f"{architecture.name}-{architecture.weights_digest[:16]}-{layer}-{input_size}-v{IR_FORMAT}"
    entry = cache_dir / "openvino" / key
    if not (entry / IR_FILE).exists():
        entry.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=entry.parent))
        try:
            _convert_in_subprocess(architecture.name, layer, input_size, aside)
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


def _run_chunks(request: Any, batch: Pixels) -> Maps:
    parts = []
    for start in range(0, len(batch), OPENVINO_CHUNK):
        request.infer([batch[start : start + OPENVINO_CHUNK]], share_inputs=True)
        parts.append(np.array(request.get_output_tensor(0).data, dtype=np.float32))
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _publish(aside: Path, entry: Path) -> None:
    try:
        aside.rename(entry)
    except OSError:  # another process was first: a full directory is never replaced, and theirs is as good
        if not (entry / IR_FILE).exists():
            raise


def _convert_in_subprocess(name: str, layer: str, input_size: int, directory: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "CUDA_VISIBLE_DEVICES": "-1"}
    command = [
        sys.executable,
        "-m",
        "search.extractors.convert",
        name,
        layer,
        str(input_size),
        str(directory),
    ]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=CONVERSION_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsError(f"Converting {name} for OpenVINO took over {CONVERSION_LIMIT_S} s.") from error
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise WeightsError(f"{name} could not be converted for OpenVINO: {reason}")


def _best_kind() -> str:
    openvino_installed = importlib.util.find_spec("openvino") is not None
    if not openvino_installed or (_may_have_gpu() and _tensorflow_sees_gpu()):
        return "tensorflow"
    return "openvino"


def _may_have_gpu() -> bool:
    """Look for a graphics card without TensorFlow, whose import costs seconds."""
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def _tensorflow_sees_gpu() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _has_native_bf16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
