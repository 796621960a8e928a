"""How much faster two workers extract than one, each on a core of its own."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from django.conf import settings

from benchmarks.fleet.fleet import Fleet, copied, manage, prepared
from benchmarks.fleet.servers import Servers
from benchmarks.jpegs import SMALL, jpegs
from benchmarks.rounds import in_turn, spread

COUNT = 1000
ROUNDS = 3
# between these shares of the pictures the rate is taken: all workers are there, and none has run out
STEADY = (0.3, 0.8)
ENQUEUE = """
from gallery import jobs
from gallery.models import Dataset
from search import job_kinds
jobs.enqueue(job_kinds.EXTRACT, Dataset.objects.get())
"""
WITHIN_S = 600.0


def workers(count: int = COUNT) -> dict[str, Any]:
    """Extract the same pictures with one worker and with two, in turn; returns images a second of each."""
    images = jpegs(count, settings.CACHE_ROOT, SMALL)
    with tempfile.TemporaryDirectory() as folder:
        servers = Servers()
        servers.start()
        try:
            source = Path(folder) / "source"
            prepared(source, servers, settings.CACHE_ROOT, _folder_of(images))
            numbered = iter(range(1000))

            def extracted(number: int) -> float:
                home = copied(source, Path(folder) / f"run-{next(numbered)}", servers)
                return _rate(home, servers, number, count)

            extracted(1)  # what a network is to run like is found out once on a machine
            rates = in_turn({"one": lambda: extracted(1), "two": lambda: extracted(2)}, ROUNDS)
        finally:
            servers.stop()
    ratios = [two / one for one, two in zip(rates["one"], rates["two"], strict=True)]
    return {
        "images": count,
        "one_images_per_s": round(statistics.median(rates["one"]), 1),
        "two_images_per_s": round(statistics.median(rates["two"]), 1),
        "ratio": round(statistics.median(ratios), 2),
        "ratio_spread": spread(ratios),
        "rounds": {name: [round(rate, 1) for rate in some] for name, some in rates.items()},
    }


def _rate(home: Path, servers: Servers, number: int, count: int) -> float:
    """Return the images a second that workers extract while all of them work."""
    with Fleet(home, servers, number, serves=False) as fleet:
        manage(home, servers, "shell", "--verbosity", "0", "-c", ENQUEUE)
        began = ended = (0.0, 0)
        deadline = time.monotonic() + WITHIN_S
        while ended[1] < STEADY[1] * count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{ended[1]} of {count} pictures in {WITHIN_S:g} s.\n{fleet.log()}")
            time.sleep(0.1)
            ended = (time.monotonic(), fleet.count("search_embedding"))
            if began[1] < STEADY[0] * count:
                began = ended
        return (ended[1] - began[1]) / (ended[0] - began[0])


def _folder_of(images: list[Path]) -> Path:
    """Return the folder that holds all of these pictures, in subfolders."""
    return images[0].parent.parent
