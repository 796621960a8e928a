"""Builds the index of the benchmark's database as `rebuild_index` does, and says what it took.

Run as a process on the state folder: python -m benchmarks.index.build [ROWS]; with ROWS only so many vectors
are built, and nothing is published, to see what memory depends on.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.index.rows import SLUG
from benchmarks.processes import as_part


def build(rows: int | None) -> dict[str, Any]:
    """Build and return seconds, the manifest and the peak of this process's memory."""
    from gallery.models import Dataset
    from search.features import feature_specs
    from search.index.faiss.build import BuildPlan, build_generation
    from search.index.faiss.store import GenerationStore
    from search.indexing import builds, database_vectors

    index = feature_specs.live_index(Dataset.objects.get(slug=SLUG))
    with peak_anonymous_mb() as peak:
        started, worked = time.perf_counter(), time.process_time()
        if rows is None:
            manifest = builds.rebuild(index).manifest
        else:
            batches = islice(database_vectors.batches(index), -(-rows // database_vectors.READ_ROWS))
            with tempfile.TemporaryDirectory() as folder:
                plan = BuildPlan("part", {}, index.spec.dims)
                manifest = dict(build_generation(GenerationStore(Path(folder)), plan, batches).facts())
        seconds, worked = time.perf_counter() - started, time.process_time() - worked
    return {
        "seconds": round(seconds, 1),
        "processor_seconds": round(worked, 1),
        "peak_mb": round(max(peak)),
        "manifest": manifest,
    }


@contextmanager
def peak_anonymous_mb() -> Iterator[list[float]]:
    """Yield a list that fills with this process's memory, without pages of files, ten times a second."""
    seen, ended = [memory_mb()], threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            seen.append(memory_mb())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def memory_mb(kind: str = "RssAnon") -> float:
    """Return resident memory in MB of 10**6 bytes: RssAnon, RssFile, or VmRSS for both."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) * 1024 / 1e6


if __name__ == "__main__":
    as_part(lambda: build(int(sys.argv[1]) if len(sys.argv) > 1 else None))
