"""The most memory that import, extraction and index take, for some pictures and for ten times as many."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks.images import images
from benchmarks.processes import Complaints, failed
from benchmarks.serving import ROOT, manage

MOST = 20_000
TIMES = 10
SLUG = "memory"
WARM_UP = 20
START_OF_IMAGE, COMMENT = b"\xff\xd8", b"\xff\xfe"


def memory(count: int = MOST) -> dict[str, Any]:
    """Import, extract and index a tenth of `count` pictures, then all, each in processes and a folder anew.

    A peak is the resident memory of the process that takes the most, mapped files and libraries included.
    """
    few, many = (_measured(number) for number in (count // TIMES, count))
    ratios = {
        f"{step}_growth": round(many[step] / few[step], 3) for step in ("import_peak_mb", "index_peak_mb")
    }
    peaks = [max(of["import_peak_mb"], of["index_peak_mb"]) for of in (few, many)]
    return {
        "images": count,
        "few_images": count // TIMES,
        "peak_mb": peaks[1],
        "few_peak_mb": peaks[0],
        "growth": round(peaks[1] / peaks[0], 3),
        **ratios,
        "steps": [{"images": number, **of} for number, of in ((count // TIMES, few), (count, many))],
    }


def _measured(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="semsearch-benchmark-") as name:
        home = Path(name)
        folder = home / "pictures"
        _copies(count, folder)
        manage(home, "migrate", "--verbosity", "0")
        # converting the network and choosing how it runs is done once on a machine, and takes more
        _copies(WARM_UP, home / "warm-up")
        manage(home, "import_dataset", str(home / "warm-up"), "--name", "warm-up")
        imported, seconds = _peak_mb(home, "import_dataset", str(folder), "--name", SLUG)
        indexed, _ = _peak_mb(home, "rebuild_index", "--dataset", SLUG)
        return {
            "import_peak_mb": imported,
            "index_peak_mb": indexed,
            "images_per_s": round(count / seconds, 1),
        }


def _copies(count: int, folder: Path) -> None:
    """Lay out as many JPEGs of the sample data, every one with a comment that makes it another file."""
    folder.mkdir()
    originals = [file.read_bytes() for file in images(None) if file.suffix == ".jpg"]
    for number, data in enumerate(islice(cycle(originals), count)):
        text = f"copy {number}".encode()
        comment = COMMENT + (len(text) + 2).to_bytes(2, "big") + text
        (folder / f"{number}.jpg").write_bytes(START_OF_IMAGE + comment + data[len(START_OF_IMAGE) :])


def _peak_mb(home: Path, *words: str) -> tuple[float, float]:
    """Run a command; return the most memory it had resident, in MB of 10**6 bytes, and its seconds."""
    environment = os.environ | {"SEMSEARCH_HOME": str(home), "LOG_LEVEL": "WARNING"}
    started = time.perf_counter()
    command, complaints = [sys.executable, "manage.py", *words], Complaints()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=complaints.write
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode, reason = os.waitstatus_to_exitcode(status), complaints.last()
    if process.returncode:
        raise failed(command, process.returncode, reason)
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return round(kilobytes * 1024 / 1e6, 1), time.perf_counter() - started
