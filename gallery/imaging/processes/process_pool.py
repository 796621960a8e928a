"""Starts decoder processes when one is needed, keeps them for a while, and ends them with this process."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
import time
from functools import cache

from gallery.errors import SemsearchError
from gallery.imaging.messages import Head, read_into, receive, send
from gallery.system.home.shipped_files import CODE_ROOT

# what a decoder process holds of its own
PROCESS_BYTES = 40 * 2**20
START_S = 60.0
# shorter than the processes themselves wait for work: none ends in the moment it is asked
KEPT_S = 20.0


class DecoderStartError(SemsearchError):
    """Decoder processes cannot be started on this machine."""

    code = "decoder_unavailable"
    status = 503


class DecoderProcess:
    """One process, and the socket that it is asked through. Raises: DecoderStartError."""

    def __init__(self) -> None:
        self._connection, theirs = socket.socketpair()
        for end in (self._connection, theirs):
            end.setblocking(True)  # a worker that is ending has given all new sockets a time limit
        self.kept_since = time.monotonic()
        try:
            with theirs:
                self._process = _started(theirs)
        except OSError as error:
            self._connection.close()
            raise DecoderStartError(f"No decoder process could be started: {error}.") from error
        try:
            self.answer(START_S)
        except (OSError, EOFError, ValueError) as error:
            raise DecoderStartError(
                f"No decoder process could be started (status {self.end()}); the log says why."
            ) from error

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def ask(self, head: Head, body: bytes = b"") -> None:
        """Send it a request. Raises: OSError when it is gone."""
        send(self._connection, head, body)

    def answer(self, wait_s: float) -> tuple[Head, int]:
        """Return its answer, and how many bytes of it `read_into` is to take.

        Raises: EOFError or OSError when it is gone or silent for so long, ValueError for what is no answer.
        """
        self._connection.settimeout(wait_s)
        return receive(self._connection)

    def read_into(self, target: memoryview) -> None:
        """Fill some memory with the rest of its answer. Raises: EOFError, OSError."""
        read_into(self._connection, target)

    def end(self) -> int:
        """End it and return its status, negative for the signal that ended it; its own end comes first."""
        self._connection.close()
        try:
            return self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class ProcessPool:
    """The decoder processes that wait for work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[DecoderProcess] = []

    def take(self) -> DecoderProcess:
        """Return a process for one thread: one that waits, or a new one. Raises: DecoderStartError."""
        _watch_own_end()
        now = time.monotonic()
        with self._lock:
            old = [process for process in self._idle if now - process.kept_since > KEPT_S]
            self._idle = [process for process in self._idle if process not in old]
            process = self._idle.pop() if self._idle else None
        for one in old:
            one.end()
        return process if process is not None and process.is_alive else DecoderProcess()

    def put(self, process: DecoderProcess) -> None:
        """Keep a process that has done its work, unless it ended with that."""
        if not process.is_alive:
            return
        process.kept_since = time.monotonic()
        with self._lock:
            self._idle.append(process)

    def make_room(self, free_bytes: int) -> None:
        """End processes that wait where there is no memory for them beside those at work."""
        with self._lock:
            count = len(self._idle) - max(0, free_bytes) // PROCESS_BYTES
            ended = [self._idle.pop() for _ in range(count)]
        for process in ended:
            process.end()

    def end(self) -> None:
        """End all that wait."""
        self.make_room(0)

    def forget(self) -> None:
        """Leave them to the process that this one was forked from."""
        self._lock, self._idle = threading.Lock(), []


def _started(connection: socket.socket) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-s", "-W", "ignore", "-m", "gallery.imaging.processes.decoder_process"]
    return subprocess.Popen(
        [*command, str(connection.fileno())],
        pass_fds=[connection.fileno()],
        stdin=subprocess.DEVNULL,
        env=_environment(),
    )


def _environment() -> dict[str, str]:
    """Return what a decoder process has to know: nothing of ours but where the code is."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TZ") if name in os.environ}
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**kept, **threads, "PYTHONPATH": str(CODE_ROOT), "MALLOC_ARENA_MAX": "1", "LC_ALL": "C.UTF-8"}


POOL = ProcessPool()


@cache
def _watch_own_end() -> None:
    atexit.register(POOL.end)
    os.register_at_fork(after_in_child=POOL.forget)
