"""How much memory a running site holds."""

from __future__ import annotations

import psutil


def held_mb(supervisor: int) -> float:
    """Return the memory of a site and all that it started, in MB of 10**6 bytes; what is shared counts once.

    Linux' proportional set size. A process that ends meanwhile holds nothing.
    """
    root = psutil.Process(supervisor)
    total = 0
    for process in (root, *root.children(recursive=True)):
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return total / 1e6
