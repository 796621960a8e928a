"""Watches the memory of this process and of all that it starts, and counts what becomes of hostile files."""

from __future__ import annotations

import resource
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

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
    tree_before, own_before = _resident()

    def watch() -> None:
        while not is_over.wait(EVERY_S):
            tree, own = _resident()
            found.tree, found.own = max(found.tree, tree - tree_before), max(found.own, own - own_before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        is_over.set()
        watcher.join()


def _resident() -> tuple[int, int]:
    """Return how many bytes this process and what it started have, and it alone, as Linux tells."""
    own, program = _bytes_of(Path("/proc/self")), _read(Path("/proc/self/cmdline"))
    children = {
        pid for file in Path("/proc/self/task").glob("*/children") for pid in _read(file).split() if pid
    }
    started = [Path("/proc") / pid for pid in children]
    # one that has only been forked and is not yet another program shows our memory as its own
    return own + sum(_bytes_of(one) for one in started if _read(one / "cmdline") != program), own


def _bytes_of(process: Path) -> int:
    pages = _read(process / "statm").split()
    return int(pages[1]) * resource.getpagesize() if pages else 0


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # it ended in this moment
        return ""


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
