"""Lets the workers of a run make something once, in the folder that all of them see."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def run_folder() -> Path:
    """Return the folder of this run, which `tests.support.isolation` made."""
    return Path(os.environ["SEMSEARCH_TEST_RUN"])


@contextmanager
def once(name: str) -> Iterator[bool]:
    """Say whether it is this process that has to make something; others wait until it has.

    Where making it fails, the next process that asks has to.
    """
    with (run_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = run_folder() / f"{name}.made"
        yield not made.exists()
        made.touch()
