"""Runs the site as on servers: a web server, beat and workers on PostgreSQL and Redis, each a process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.fleet.servers import Servers
from benchmarks.processes import output_of
from semsearch_site.supervision.child_processes import free_port, kill_group, start_child

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 120.0
CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "semsearch_site")
WEB = (sys.executable, "-m", "gunicorn", "-c", "python:semsearch_site.gunicorn", "semsearch_site.wsgi")


class Fleet:
    """The processes of a site on a state folder; leaving the `with` block kills them all.

    One core belongs to each worker: it runs one job at a time, with the network held to one thread.
    """

    def __init__(self, home: Path, servers: Servers, workers: int, *, serves: bool = True) -> None:
        self.home = home
        self.servers = servers
        self.workers = [f"worker {number}" for number in range(1, workers + 1)]
        self._names = [*self.workers, "beat", *(["web server"] if serves else [])]
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._port = free_port()

    def __enter__(self) -> Fleet:
        """Start everything and wait until the web server is ready."""
        for name in self._names:
            self.start(name)
        deadline = time.monotonic() + READY_WITHIN_S
        while "web server" in self._names and not self.answers("/readyz"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"The web server was not ready in time.\n{self.log()}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill everything; with an error, say what the processes said."""
        for name in list(self._children):
            self.kill(name)
        if error is not None:
            error.add_note(self.log())

    def start(self, name: str) -> None:
        """Start a part of the site, in a session of its own."""
        with (self.home / "fleet.log").open("a") as log:
            self._children[name] = start_child(
                self._command(name),
                signal.SIGKILL,
                cwd=ROOT,
                env=environment(self.home, self.servers, PORT=str(self._port)),
                stdout=log,
                stderr=log,
            )

    def kill(self, name: str) -> None:
        """Kill a part without a word, with whatever it started."""
        kill_group(self._children.pop(name))

    def answers(self, path: str) -> bool:
        """Whether the web server answers 200 on a path."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=30) as answer:
                return bool(answer.status == 200)
        except (OSError, ValueError):
            return False

    def upload(self, dataset: str, archive: Path, token: str) -> None:
        """Upload a zip, again and again while the web server or the broker is away."""
        data = archive.read_bytes()
        head = '--part\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
        body = head.encode() + data + b"\r\n--part--\r\n"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/api/v1/datasets/{dataset}/upload/", data=body
        )
        request.add_header("Content-Type", "multipart/form-data; boundary=part")
        request.add_header("Authorization", f"Token {token}")
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60):
                    return
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    raise
            except OSError:
                pass
            time.sleep(0.5)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the site's database."""
        return self.servers.rows(self.home, sql, ())

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])

    def log(self) -> str:
        """Return what the processes said last."""
        path = self.home / "fleet.log"
        return path.read_text(errors="replace")[-8000:] if path.exists() else ""

    def _command(self, name: str) -> tuple[str, ...]:
        if name == "web server":
            return (*WEB, "--log-level", "warning")
        if name == "beat":
            return (*CELERY, "beat", "--loglevel", "WARNING", "--schedule", str(self.home / "beat"))
        hostname = f"{name.replace(' ', '-')}@%h"
        return (*CELERY, "worker", "--hostname", hostname, "--concurrency", "1", "--loglevel", "WARNING")


def environment(home: Path, servers: Servers, **more: str) -> dict[str, str]:
    """Return the environment of a process of a fleet."""
    own = {
        "SEMSEARCH_HOME": str(home),
        "ENGINE_THREADS": "1",
        "EXTRACT_AT_IMPORT": "false",  # as on servers: all workers share the extraction
        "LOG_LEVEL": "WARNING",
        "OMP_NUM_THREADS": "1",
    }
    return os.environ | own | servers.environment(home) | more


def manage(home: Path, servers: Servers, *words: str, **more: str) -> dict[str, Any]:
    """Run a management command and return its report, if any. Raises: MeasuringError when it fails."""
    command = [sys.executable, "manage.py", *words]
    printed = output_of(command, environment=environment(home, servers, **more))
    return dict(json.loads(printed.splitlines()[-1])) if "--json" in words else {}


def prepared(home: Path, servers: Servers, cache: Path, images: Path) -> str:
    """Fill a state folder with pictures that are imported and not extracted; returns a token of staff.

    The networks of another state folder's cache are shared with it.
    """
    home.mkdir(parents=True)
    (home / "cache").symlink_to(cache)
    manage(home, servers, "migrate", "--verbosity", "0")
    manage(home, servers, "collectstatic", "--no-input", "--verbosity", "0")
    manage(home, servers, "import_dataset", str(images), "--name", "pictures", "--no-extract", "--json")
    staff = ("createsuperuser", "--noinput", "--username=staff", "--email=staff@example.org")
    manage(home, servers, *staff, DJANGO_SUPERUSER_PASSWORD=os.urandom(16).hex())
    return str(manage(home, servers, "create_token", "staff", "--json")["token"])


def copied(source: Path, home: Path, servers: Servers) -> Path:
    """Return a copy of a prepared state folder, with its database; what is only read is shared."""
    shutil.copytree(source, home, symlinks=True)
    servers.copy(source, home)
    return home
