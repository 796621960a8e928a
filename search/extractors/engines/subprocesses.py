"""Runs a module of the project in a process of its own, for what needs TensorFlow for a moment only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run_module(module: str, *arguments: str, limit_s: float) -> None:
    """Run `python -m module arguments` without a graphics card, within a time limit.

    Raises:
        subprocess.CalledProcessError: it failed; `stderr` is the last line it wrote.
        subprocess.TimeoutExpired: it took too long and was stopped.
    """
    root = Path(__file__).resolve().parents[3]
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=limit_s, check=False
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise subprocess.CalledProcessError(done.returncode, command, stderr=reason)
