"""The processes of the site and what they take of the machine, for `/metrics`.

Each long-lived process holds a seat. Of those on this machine, and of what they started, the system tells
the memory (Linux).
"""

from __future__ import annotations

import os
import socket
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gallery.system.measuring import seats

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

# what the long-lived ones start and what holds no seat, by the name of its program
_PROGRAMS = {
    "valkey-server": "broker",
    "redis-server": "broker",
    "gunicorn": "web master",
    "gallery.imaging.processes.decoder_process": "decoder",
}
_OTHERS = "helper"
_PROC = Path("/proc")


def families(folder: Path) -> Iterator[Metric]:
    """Yield how many processes there are of each role, and what they take."""
    from prometheus_client.metrics_core import GaugeMetricFamily

    holders = seats.holders(folder)
    roles = {holder.pid: holder.role for holder in holders if holder.host == socket.gethostname()}
    number = Counter(holder.role for holder in holders)
    memory: Counter[str] = Counter()
    for pid, role in _with_children(roles).items():
        if pid not in roles:
            number[role] += 1
        memory[role] += _memory_bytes(pid)
    for name, help_text, values in (
        ("processes", "Processes of the site by what they do.", number),
        ("process_resident_memory_bytes", "Resident memory of the processes on this machine.", memory),
    ):
        metric = GaugeMetricFamily(f"semsearch_{name}", help_text, labels=("process",))
        for role, value in sorted(values.items()):
            metric.add_metric([role], value)
        yield metric


def _with_children(roles: dict[int, str]) -> dict[int, str]:
    """Return the processes of some roles with all that they started, by what they do."""
    found, look_at, children = dict(roles), list(roles), _children()
    while look_at:
        for pid in children[look_at.pop()]:
            if pid not in found:
                found[pid] = _PROGRAMS.get(_program(pid), _OTHERS)
                look_at.append(pid)
    return found


def _children() -> dict[int, list[int]]:
    """Return which processes each process of the machine has started; none where the system does not tell."""
    children: dict[int, list[int]] = defaultdict(list)
    for path in _PROC.glob("[0-9]*/stat"):
        try:
            # the second field is a name in parentheses, which may hold anything; the parent comes two later
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):  # it has ended
            continue
        children[parent].append(int(path.parent.name))
    return children


def _program(pid: int) -> str:
    try:
        # a server that writes its own title puts spaces where there were NULs
        words = (_PROC / str(pid) / "cmdline").read_text().replace("\0", " ").split()
    except OSError:
        return ""
    names = [Path(word).name for word in words]
    return next((name for name in names if name in _PROGRAMS), "")


def _memory_bytes(pid: int) -> int:
    """Return the resident memory of a process, 0 where it has ended or the system does not tell (proc(5))."""
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
