"""Describes the machine a figure was measured on, and keeps the figures."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
LIBRARIES = ("tensorflow", "openvino", "faiss-cpu", "numpy", "pillow", "django")
# the instruction sets that decide how fast networks and indexes run
INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8", "asimd", "bf16")


def machine() -> dict[str, Any]:
    """Return processor, memory, system and library versions."""
    facts = _processor_facts()
    has = facts.get("flags", facts.get("Features", "")).split()
    return {
        "processor": facts.get("model name") or platform.processor() or platform.machine(),
        "instructions": [name for name in INSTRUCTIONS if name in has],
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
    }


def described(facts: dict[str, Any]) -> str:
    """Return the machine in one line."""
    return (
        f"{facts['processor']}, {facts['cores']} cores ({' '.join(facts['instructions'])}), "
        f"{facts['memory_gb']} GB, {facts['system']}"
    )


def load() -> float:
    """Return how many processes wanted a core in the last minute: other work shows here."""
    return round(os.getloadavg()[0], 2)


def keep(name: str, figures: dict[str, Any], load_before: float) -> Path:
    """Write the figures of a benchmark with the machine and the time, and return the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    about = {
        "machine": machine() | {"load_before": load_before},
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path.write_text(json.dumps(figures | about, indent=1) + "\n")
    return path


def _processor_facts() -> dict[str, str]:
    """Return what Linux tells of the first core; {} elsewhere."""
    try:
        first = Path("/proc/cpuinfo").read_text(errors="replace").partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
