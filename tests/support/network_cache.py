"""Keeps the networks that tests convert, for all workers and all runs: a conversion takes ten seconds.

They lie below `SEMSEARCH_TEST_CACHE`, by default `~/.cache/semsearch-tests`, in a folder named by everything
that makes them: the code of the extractors and the versions of the libraries. So a test never meets a network
that the code at hand would have converted otherwise. What was used last a week ago is removed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("keras", "numpy", "openvino", "tensorflow")
KEPT_FOR_S = 7 * 86_400
DIGITS = 16


def folder() -> Path:
    """Return the folder of this code and these libraries, which is there."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kept = Path(os.environ.get("SEMSEARCH_TEST_CACHE") or home / "semsearch-tests").absolute()
    used = kept / _digest()
    used.mkdir(parents=True, exist_ok=True)
    os.utime(used)
    for other in kept.glob("[0-9a-f]" * DIGITS):
        if other.stat().st_mtime < time.time() - KEPT_FOR_S:
            shutil.rmtree(other, ignore_errors=True)
    return used


def _digest() -> str:
    found = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in LIBRARIES).encode())
    for path in sorted((ROOT / "search" / "extractors").rglob("*")):
        if path.suffix in (".py", ".json"):
            found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:DIGITS]
