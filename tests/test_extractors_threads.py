"""The engine begins in several threads at once and none waits for another for ever."""

from __future__ import annotations

import subprocess
import sys

import pytest

# without the first look of `import_openvino` one in five of these processes hung
BEGINNING = """
import os, sys, threading
import numpy as np
from search.extractors.openvino_engine import import_openvino
openvino = import_openvino()
from openvino import opset13 as operations
sys.setswitchinterval(1e-6)
taken = operations.parameter([1, 4], np.uint8)
model = openvino.Model([operations.convert(taken, "f32")], [taken], "small")
compiled = openvino.Core().compile_model(model, "CPU")
together = threading.Barrier(8)
def run():
    request = compiled.create_infer_request()
    together.wait()
    request.infer([np.zeros((1, 4), np.uint8)], share_inputs=True, share_outputs=True)
    [tensor.data for tensor in request.output_tensors]
threads = [threading.Thread(target=run, daemon=True) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join(20) for thread in threads]
os._exit(any(thread.is_alive() for thread in threads))
"""


@pytest.mark.parametrize("attempt", range(3))
def test_threads_that_use_the_engine_first_at_the_same_time_all_get_on(attempt: int) -> None:
    assert subprocess.run([sys.executable, "-c", BEGINNING], timeout=90).returncode == 0
