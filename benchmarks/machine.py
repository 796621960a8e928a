"""Describes the machine a figure was measured on, and keeps the figures."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"


def machine() -> dict[str, Any]:
    """Return processor, cores and library versions."""
    names = ("tensorflow", "openvino", "faiss-cpu", "numpy", "pillow", "django")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in names},
    }


def keep(name: str, figures: dict[str, Any]) -> Path:
    """Write the figures of a benchmark with the machine and the time, and return the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    path.write_text(json.dumps(figures | {"machine": machine(), "measured_at": measured_at}, indent=1) + "\n")
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )
