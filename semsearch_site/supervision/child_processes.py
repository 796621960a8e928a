"""Child processes that end with their parent, and free ports for them to listen on."""

from __future__ import annotations

import ctypes
import errno
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

_PR_SET_PDEATHSIG = 1  # prctl(2)
# below those that Linux gives to connections (32768 and more): one may take a port before its server does
CHOSEN_FROM = range(20_000, 32_000)

_reservations: list[socket.socket] = []


def start_child(
    command: Sequence[str], last_word: signal.Signals = signal.SIGTERM, **options: Any
) -> subprocess.Popen[bytes]:
    """Start a command as `subprocess.Popen` does with these options, in a process group of its own.

    Ctrl-C therefore reaches it only through us. Should we be killed, the kernel sends it `last_word` (Linux);
    it does so already when the calling thread ends.
    """

    def end_with_parent() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, last_word)

    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=end_with_parent,
        **options,
    )


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill a child without a word, with whatever it started and left behind, and wait for it."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody listens on, all different.

    No other process gets them from here while this one lives, whether or not somebody listens by then.
    Raises: OSError where there are too few.
    """
    in_any_order = random.SystemRandom().sample(CHOSEN_FROM, len(CHOSEN_FROM))
    chosen = list(islice(filter(_reserved, in_any_order), count))
    if len(chosen) < count:
        raise OSError(errno.EADDRINUSE, f"Of {len(CHOSEN_FROM)} ports fewer than {count} are free")
    return chosen


def _reserved(port: int) -> bool:
    """Reserve a port by a UDP socket that is kept open: what listens on TCP does not mind it."""
    mark = socket.socket(type=socket.SOCK_DGRAM)
    try:
        mark.bind(("127.0.0.1", port))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    except OSError:
        mark.close()
        return False
    _reservations.append(mark)
    return True


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    return free_ports(1)[0]
