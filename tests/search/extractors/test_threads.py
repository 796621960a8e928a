"""The engine begins in several threads at once and none waits for another for ever."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.conf import settings

# without the first look of `import_openvino`, by one thread alone, one in five of these processes hung
BEGINNING = """
import os, sys, threading
import numpy as np
from search.extractors.engines.openvino import import_openvino
sys.setswitchinterval(1e-6)
def all_at_once(work):
    threads = [threading.Thread(target=work, daemon=True) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join(20) for thread in threads]
    if any(thread.is_alive() for thread in threads):
        os._exit(1)
all_at_once(import_openvino)
openvino = import_openvino()
from openvino import opset13 as operations
taken = operations.parameter([1, 4], np.uint8)
model = openvino.Model([operations.convert(taken, "f32")], [taken], "small")
compiled = openvino.Core().compile_model(model, "CPU")
together = threading.Barrier(8)
def run():
    request = compiled.create_infer_request()
    together.wait()
    request.infer([np.zeros((1, 4), np.uint8)], share_inputs=True, share_outputs=True)
    [tensor.data for tensor in request.output_tensors]
all_at_once(run)
os._exit(0)
"""


@pytest.mark.parametrize("attempt", range(3))
def test_threads_that_use_the_engine_first_at_the_same_time_all_get_on(attempt: int) -> None:
    assert subprocess.run([sys.executable, "-c", BEGINNING], timeout=90).returncode == 0


HELD = """
import sys
from pathlib import Path
from gallery.system.concurrency import cores
from search.extractors.engines.loading import load_engine
from search.extractors.feature_extractor import live_config
from search.extractors.networks.registry import get_network
cores.limit_cores(1)
config = live_config()
network = get_network(config.model)
engine = load_engine(network, (config.layer,), config.input_size, cache_dir=Path(sys.argv[1]))
streams = engine._side_by_side()
for compiled in (engine._compiled, engine._for_throughput()):
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1
    assert not compiled.get_property("ENABLE_CPU_PINNING")
    assert compiled.get_property("NUM_STREAMS") == 1
assert streams.count == 1
"""


def test_an_engine_held_to_one_thread_computes_with_one() -> None:
    subprocess.run([sys.executable, "-c", HELD, str(settings.CACHE_ROOT / "models")], check=True, timeout=120)
