"""Watches the memory of this process and of all that it starts, and counts what becomes of hostile files."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil

EVERY_S = 0.02
MEBIBYTE = 2**20


@dataclass
class Memory:
    """The most that was taken beyond what there was at first, in bytes: in all, and by this process."""

    tree: int = 0
    own: int = 0


@contextmanager
def watched() -> Iterator[Memory]:
    """Watch while inside."""
    found, is_over = Memory(), threading.Event()
    process = psutil.Process()
    tree_before, own_before = _resident(process)

    def watch() -> None:
        while not is_over.wait(EVERY_S):
            tree, own = _resident(process)
            found.tree, found.own = max(found.tree, tree - tree_before), max(found.own, own - own_before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        is_over.set()
        watcher.join()


def _resident(process: psutil.Process) -> tuple[int, int]:
    own = total = process.memory_info().rss
    for child in process.children(recursive=True):
        with suppress(psutil.Error):
            total += child.memory_info().rss
    return total, own


@dataclass
class Outcomes:
    """How often each outcome came, and the file that took longest."""

    counts: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")

    def add(self, outcome: str, name: str, seconds: float) -> None:
        """Count one file."""
        self.counts[outcome] += 1
        self.slowest = max(self.slowest, (seconds, name))

    def table(self, title: str, memory: Memory) -> str:
        """Return a table of the outcomes, with what they took."""
        lines = [f"\n{title}: {self.counts.total()}"]
        lines += [f"{count:7}  {outcome}" for outcome, count in self.counts.most_common()]
        lines.append(f"memory at most {memory.tree / MEBIBYTE:.0f} MiB more, own {memory.own / MEBIBYTE:.0f}")
        lines.append(f"slowest {self.slowest[0]:.2f} s: {self.slowest[1]}")
        return "\n".join(lines)


def asked_for(name: str, usual: int) -> int:
    """Return how many files to try: the environment may ask for the long form."""
    return int(os.environ.get(name, usual))
