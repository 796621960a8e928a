"""Import and extraction against the original's way, and against what engine and decoder could do alone."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from benchmarks.images import images
from benchmarks.jpegs import jpegs
from benchmarks.original import OriginalWay
from benchmarks.rounds import compared, in_turn, per_second
from gallery import jobs
from gallery.imaging import decoding
from gallery.imaging.limits import image_limits
from gallery.ingest.removals import dataset_removal
from gallery.models import Dataset
from search.embedding.pipeline import one_blas_thread
from search.extractors.feature_extractor import FeatureExtractor
from search.features import feature_specs, loaded_extractors
from search.models import Embedding

IMAGES = 2000
ROUNDS = 3
PEER_IMAGES = 60  # evenly out of all
ENGINE_BATCHES = 16


def extract(folder: Path | None = None, count: int = IMAGES) -> dict[str, Any]:
    """Measure in turn: ours with import, the original's way, engine alone, decoder alone.

    Over 2,000 JPEGs of 0.1 to 6 megapixels, or the pictures of a folder. Without a GPU, engine and decoder
    share the cores: `shared_bound_images_per_s` is what both could do together with no other work at all.
    """
    files = images(folder) if folder else jpegs(count, settings.CACHE_ROOT)
    root = folder or files[0].parent.parent
    network = loaded_extractors.extractor(feature_specs.live_spec().config)
    stages: list[dict[str, float]] = []
    rounds = in_turn(
        {
            "ours": lambda: _ours(root, stages),
            "peer": _peer(files[:: max(1, len(files) // PEER_IMAGES)]),
            "engine": _engine_alone(network),
            "decoder": _decoder_alone(network, files),
        },
        ROUNDS,
    )
    ours, peer, engine, decoder = (statistics.median(values) for values in rounds.values())
    bound = min(engine, decoder)
    ratios = compared(
        [[value] for value in rounds["ours"]], [[value] for value in rounds["peer"]], less_is_better=False
    )
    return {
        "images": len(files),
        "images_per_s": round(ours, 1),
        "bound_images_per_s": round(bound, 1),
        "peer_images_per_s": round(peer, 1),
        **ratios,
        "of_bound": round(ours / bound, 2),
        "shared_bound_images_per_s": round(1 / (1 / engine + 1 / decoder), 1),
        "of_shared_bound": round(ours * (1 / engine + 1 / decoder), 2),
        "engine": network.engine_name,
        "engine_images_per_s": round(engine, 1),
        "decoder_images_per_s": round(decoder, 1),
        "stages": stages[len(stages) // 2],
        "calibration": network.calibration(),
        "rounds": {name: [round(value, 1) for value in values] for name, values in rounds.items()},
    }


def _ours(folder: Path, stages: list[dict[str, float]]) -> float:
    """Import and extract into a dataset of its own, which is removed again; returns images a second."""
    dataset = Dataset.objects.create(slug=f"benchmark-{os.getpid()}-{time.time_ns()}", name="Benchmark")
    try:
        started = time.perf_counter()
        result = jobs.perform_now(jobs.IMPORT, dataset, path=str(folder), announce=False, extract=True).result
        seconds = time.perf_counter() - started
        assert Embedding.objects.filter(dataset=dataset).count() == result["images"] > 0
        stages.append({name: value for name, value in result.items() if name.endswith("_s")})
        return float(result["images"] / seconds)
    finally:
        dataset_removal.remove_dataset(dataset)


def _peer(files: list[Path]) -> Callable[[], float]:
    original = OriginalWay()
    original.add(files[0].read_bytes())

    def index() -> None:
        for file in files:
            original.add(file.read_bytes())

    return lambda: per_second(len(files), index)


def _engine_alone(network: FeatureExtractor) -> Callable[[], float]:
    size = network.config.input_size
    ready = np.random.default_rng(0).integers(0, 256, (64, size, size, 3), dtype=np.uint8)
    network.extract(ready)

    def run() -> None:
        with one_blas_thread():  # as our own way runs it
            for _ in range(ENGINE_BATCHES):
                network.extract(ready)

    return lambda: per_second(ENGINE_BATCHES * len(ready), run)


def _decoder_alone(network: FeatureExtractor, files: list[Path]) -> Callable[[], float]:
    """Read, decode and resize for the network, on every core."""

    def decode(file: Path) -> None:
        rgb = decoding.decode(file.read_bytes(), image_limits(), shortest_side=network.config.input_size)
        network.prepare(rgb)

    def run() -> None:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for _ in pool.map(decode, files):
                pass

    return lambda: per_second(len(files), run)
