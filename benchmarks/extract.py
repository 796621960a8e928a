"""Import and extraction against the original's way, and against what engine and decoder could do alone."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.original import OriginalWay
from benchmarks.pictures import pictures
from gallery import images, jobs, removing
from gallery.importing import image_limits
from gallery.models import Dataset, Job
from search.services import features

REPEATS = 3
PEER_PICTURES = 30
ENGINE_BATCHES = 8


def extract(folder: Path | None = None) -> dict[str, Any]:
    """Measure in turn, several times: ours with import, the original's way, engine alone, decoder alone."""
    files = pictures(folder)
    datas = [file.read_bytes() for file in files]
    original = OriginalWay()
    original.add(datas[0])
    network = features.extractor(features.live_spec().config)
    size = network.config.input_size
    ready = np.random.default_rng(0).integers(0, 256, (16, size, size, 3), dtype=np.uint8)
    network.extract(ready)

    def engine() -> float:
        return _rate(
            ENGINE_BATCHES * len(ready), lambda: [network.extract(ready) for _ in range(ENGINE_BATCHES)]
        )

    def decoder() -> float:
        def decode(data: bytes) -> None:
            network.prepare(images.decode(data, image_limits(), shortest_side=size))

        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return _rate(len(datas), lambda: list(pool.map(decode, datas)))

    def peer() -> float:
        def index() -> None:
            for data in datas[:PEER_PICTURES]:
                original.add(data)

        return _rate(PEER_PICTURES, index)

    rounds = [(_ours(files), peer(), engine(), decoder()) for _ in range(REPEATS)]
    ours, theirs, engine_alone, decoder_alone = (
        statistics.median(column) for column in zip(*rounds, strict=True)
    )
    return {
        "images": len(files),
        "images_per_s": round(ours, 1),
        "bound_images_per_s": round(min(engine_alone, decoder_alone), 1),
        "peer_images_per_s": round(theirs, 1),
        "ratio": round(ours / theirs, 2),
        "engine": network.engine_name,
        "engine_images_per_s": round(engine_alone, 1),
        "decoder_images_per_s": round(decoder_alone, 1),
        "rounds": [[round(value, 1) for value in row] for row in rounds],
    }


def _rate(count: int, work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def _ours(files: list[Path]) -> float:
    """Import and extract into a dataset of its own, which is removed again; returns images a second."""
    with tempfile.TemporaryDirectory() as folder:
        for number, file in enumerate(files):
            shutil.copyfile(file, Path(folder) / f"{number}{file.suffix}")
        dataset = Dataset.objects.create(slug=f"benchmark-{os.getpid()}-{time.time_ns()}", name="Benchmark")
        try:
            started = time.perf_counter()
            stored = jobs.perform_now(Job.Kind.IMPORT, dataset, path=folder, announce=False).result["images"]
            jobs.perform_now(Job.Kind.EXTRACT, dataset)
            return float(stored / (time.perf_counter() - started))
        finally:
            removing.remove_dataset(dataset)
