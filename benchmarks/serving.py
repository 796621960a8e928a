"""Starts our site and the original's way as servers on this machine, and looks at their processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import MeasuringError, output_of
from semsearch_site.supervision.child_processes import free_port

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN_S = 180.0
STOPS_WITHIN_S = 20.0
POLL_S = 0.02


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]
    ready_s: float

    def web_rss_mb(self) -> float:
        """Return the resident memory, in MB of 10**6 bytes, of the process that answers its requests."""
        # the server's first process only watches the one that works
        return max(_rss_bytes(pid) for pid in self._web_processes()) / 1e6

    def web_cpu_s(self) -> float:
        """Return the seconds of processor time that the web server has taken so far."""
        return sum(_cpu_s(pid) for pid in self._web_processes())

    def _web_processes(self) -> list[int]:
        return [pid for pid in _below(self.process.pid) if "gunicorn" in _command(pid)]


def manage(home: Path, *words: str) -> None:
    """Run a management command on a state folder. Raises: MeasuringError when it fails."""
    output_of([sys.executable, "manage.py", *words], environment=_environment(home))


@contextmanager
def our_site(home: Path) -> Iterator[Server]:
    """Serve a state folder as `serve` does, with no limit on how often one may search."""
    port = free_port()
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    with _running(command, port, "/readyz", _environment(home, SEARCH_THROTTLE="1000000/s")) as server:
        yield server


@contextmanager
def original_site(count: int, threads: int) -> Iterator[Server]:
    """Serve the original's way over `count` vectors by the same web server with as many threads."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "benchmarks.original_server:create()"]
    command += ["--worker-class", "gthread", "--threads", str(threads), "--timeout", "300"]
    command += ["--bind", f"127.0.0.1:{port}", "--log-level", "warning", "--keep-alive", "75"]
    environment = os.environ | {"ORIGINAL_COUNT": str(count), "TF_CPP_MIN_LOG_LEVEL": "2"}
    with _running(command, port, "/", environment) as server:
        yield server


@contextmanager
def _running(command: list[str], port: int, path: str, environment: dict[str, str]) -> Iterator[Server]:
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait_for(process, f"http://127.0.0.1:{port}{path}")
        yield Server(port, process, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise MeasuringError(f"The server ended with status {process.returncode}; it says why above.")
        try:
            with urllib.request.urlopen(address, timeout=STARTS_WITHIN_S):
                return
        except OSError:
            time.sleep(POLL_S)
    raise MeasuringError(f"{address} was not ready within {STARTS_WITHIN_S:g} s.")


def _environment(home: Path, **changes: str) -> dict[str, str]:
    return os.environ | {"SEMSEARCH_HOME": str(home), "LOG_LEVEL": "WARNING"} | changes


def _below(pid: int) -> list[int]:
    """Return a process and everything it started, as Linux tells."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def _rss_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _cpu_s(pid: int) -> float:
    """Return the processor time of a process, of the program and of the system for it."""
    of_program, of_system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(of_program) + int(of_system)) / os.sysconf("SC_CLK_TCK")
