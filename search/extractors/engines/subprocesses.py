"""Runs a module of the project in a process of its own, for what needs TensorFlow for a moment only."""

from __future__ import annotations

import os
import subprocess
import sys

from gallery.system.home.shipped_files import python_path


def run_module(module: str, *arguments: str, limit_s: float) -> None:
    """Run `python -m module arguments` without a graphics card, within a time limit.

    Raises:
        subprocess.CalledProcessError: it failed; `stderr` is the last line it wrote.
        subprocess.TimeoutExpired: it took too long and was stopped.
    """
    environment = os.environ | {"PYTHONPATH": python_path(), "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=limit_s, check=False
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise subprocess.CalledProcessError(done.returncode, command, stderr=reason)
