"""Child processes that end with their parent, and free ports for them to listen on."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Any

_PR_SET_PDEATHSIG = 1  # prctl(2)


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
    """Return ports of this machine that nobody listens on, all different."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    return free_ports(1)[0]
