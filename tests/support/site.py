"""Runs the real site, broker, worker and web server, in a state folder of its own; stops all at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from semsearch_site.supervision.child_processes import free_port
from tests.support import services
from tests.support.isolation import COMPUTE_THREADS
from tests.support.services import rows as rows

ROOT = Path(__file__).resolve().parents[2]
PARTS: dict[str, tuple[str, ...]] = {"worker": ("celery",), "web server": ("gunicorn",)}
if services.embedded():
    PARTS = {"broker": ("valkey-server", "redis-server"), **PARTS}
STARTS_WITHIN_S = 300.0


def until(condition: Callable[[], Any], *, within_s: float, what: str, every_s: float = 0.05) -> Any:
    """Return the first true answer of a condition. Raises: AssertionError when there is none in time."""
    deadline = time.monotonic() + within_s
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {within_s:g} s: {what}")
        time.sleep(every_s)


def environment(home: Path, **changes: str) -> dict[str, str]:
    """Return the environment of a process that works on this state folder."""
    own = {"SEMSEARCH_HOME": str(home), "LOG_LEVEL": "WARNING", **services.environment(home)}
    given = {name: value for name, value in os.environ.items() if name not in COMPUTE_THREADS}
    return given | own | changes


def manage(home: Path, *words: str, **changes: str) -> str:
    """Run a management command and return what it printed. Raises: AssertionError when it fails."""
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environment(home, **changes),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def report(home: Path, *words: str) -> dict[str, Any]:
    """Run a management command with --json and return its report."""
    found: dict[str, Any] = json.loads(manage(home, *words, "--json").splitlines()[-1])
    return found


def count(home: Path, table: str) -> int:
    """Return how many rows a table has."""
    return int(rows(home, f"SELECT count(*) FROM {table}")[0][0])


def running_on(home: Path) -> list[psutil.Process]:
    """Return every process that works on this state folder, whoever started it."""
    return [process for process in psutil.process_iter() if _belongs(process, home)]


def _belongs(process: psutil.Process, home: Path) -> bool:
    try:
        return bool(
            process.status() != psutil.STATUS_ZOMBIE and process.environ().get("SEMSEARCH_HOME") == str(home)
        )
    except psutil.Error:
        return False


class RunningSite:
    """`manage.py serve` on a free port; leaving the `with` block stops everything it started."""

    def __init__(
        self,
        home: Path,
        *words: str,
        token: str = "",
        ready: str = "/readyz",
        folder: Path | str = ROOT,
        **changes: str,
    ) -> None:
        self.home = home
        self.port = free_port()
        self._words = words
        self._token = token
        self.request_id = ""
        self._ready = ready
        self._folder = folder
        self._environment = environment(home, **changes)
        self._log = home / "serve.log"

    def __enter__(self) -> RunningSite:
        """Start and wait until it is ready."""
        self.start()
        return self

    def start(self, *, ready: str = "", **changes: str) -> None:
        """Start it, also once more after it has stopped, and wait until it is ready."""
        self._ready = ready or self._ready
        self._environment |= changes
        with self._log.open("a") as log:
            self.supervisor = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "serve", "--port", str(self.port), *self._words],
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        try:
            until(self._is_ready, within_s=STARTS_WITHIN_S, what="the site is ready", every_s=0.1)
        except BaseException:
            self._end()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, by force where it does not stop."""
        self._end()
        if error is not None:
            error.add_note(self.log())

    def log(self) -> str:
        """Return what the site said."""
        return self._log.read_text(errors="replace")

    def part(self, name: str) -> psutil.Process:
        """Return the process of broker, worker or web server."""
        for child in psutil.Process(self.supervisor.pid).children():
            with suppress(psutil.Error):  # one that has just ended
                if any(word in " ".join(child.cmdline()) for word in PARTS[name]):
                    return child
        raise AssertionError(f"The {name} does not run.\n{self.log()}")

    def interrupt(self, within_s: float = 15.0) -> int:
        """Press Ctrl-C and return the exit status."""
        self.supervisor.send_signal(signal.SIGINT)
        return self.supervisor.wait(within_s)

    def get(self, path: str) -> tuple[int, Any]:
        """Return status and JSON of a GET."""
        return self._ask("GET", path)

    def delete(self, path: str) -> int:
        """Return the status of a DELETE."""
        return self._ask("DELETE", path)[0]

    def post(self, path: str, file: tuple[str, bytes] | None = None, **fields: Any) -> tuple[int, Any]:
        """Return status and JSON of a POST: multipart with a file, else JSON."""
        if file is None:
            return self._ask("POST", path, json.dumps(fields).encode(), "application/json")
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file[0]}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = b"".join([*parts, head.encode(), file[1], f"\r\n--{boundary}--\r\n".encode()])
        return self._ask("POST", path, body, f"multipart/form-data; boundary={boundary}")

    def job_ended(self, job_id: int, within_s: float = 300.0) -> dict[str, Any]:
        """Wait for a job's end and return it."""

        def ended() -> dict[str, Any] | None:
            status, job = self.get(f"/api/v1/jobs/{job_id}/")
            assert status == 200, (status, job)
            return None if job["active"] else job

        found: dict[str, Any] = until(ended, within_s=within_s, what=f"job {job_id} ended", every_s=0.1)
        return found

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body, method=method)
        if kind:
            request.add_header("Content-Type", kind)
        if self._token:
            request.add_header("Authorization", f"Token {self._token}")
        if self.request_id:
            request.add_header("X-Request-ID", self.request_id)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                status, data = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, data = error.code, error.read()
        try:
            return status, json.loads(data) if data else None
        except ValueError:
            return status, data.decode(errors="replace")

    def _is_ready(self) -> bool:
        assert self.supervisor.poll() is None, f"serve ended:\n{self.log()}"
        try:
            return self.get(self._ready)[0] == 200
        except OSError:
            return False

    def _end(self) -> None:
        if self.supervisor.poll() is None:
            self.supervisor.send_signal(signal.SIGINT)
            try:
                self.supervisor.wait(20)
            except subprocess.TimeoutExpired:
                self.supervisor.kill()
                self.supervisor.wait()
        for process in running_on(self.home):
            process.kill()
