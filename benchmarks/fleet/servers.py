"""Runs a PostgreSQL and a Redis in a temporary folder, for tests and benchmarks."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
import redis

from benchmarks.needs import Need
from semsearch_site.supervision.child_processes import free_port, start_child

OWNER = "semsearch"
STARTS_WITHIN_S = 120.0
# one for each state folder that a test works on
REDIS_DATABASES = 512
# nothing has to outlive the run; an order of words as people write them, unlike SQLite's order of bytes
INITDB = ("--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "--locale-provider=icu")
POSTGRES_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "200",
    "timezone": "Asia/Kathmandu",  # so that a time that forgets its zone is noticed
}
REDIS_OPTIONS = {"bind": "127.0.0.1", "save": "", "databases": str(REDIS_DATABASES)}


class Servers:
    """Both servers; each state folder has a database of its own in either.

    With `keep_queue` Redis writes what it holds to disk every second, as it does in `compose.yaml`.
    """

    def __init__(self, *, keep_queue: bool = False) -> None:
        self._keep_queue = keep_queue
        self._folder = Path(tempfile.mkdtemp(prefix="semsearch-servers-"))
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._homes: dict[Path, int] = {}

    def start(self) -> None:
        """Start both and wait until they answer."""
        self._folder.chmod(0o755)
        self._start_postgres()
        self._redis_port = free_port()
        self.start_redis()

    def stop_postgres(self) -> None:
        """End PostgreSQL at once, whatever it does."""
        postgres = self._children.pop("postgres")
        postgres.send_signal(signal.SIGQUIT)
        postgres.wait(20)

    def freeze_postgres(self, *, thaw: bool = False) -> None:
        """Let PostgreSQL, with all its processes, stand still, or go on."""
        for process in (found := psutil.Process(self._children["postgres"].pid), *found.children()):
            process.resume() if thaw else process.suspend()

    def kill_redis(self) -> None:
        """Kill Redis without a word."""
        redis_server = self._children.pop("redis")
        redis_server.kill()
        redis_server.wait()

    def stop(self) -> None:
        """End both and remove their files."""
        for name, child in self._children.items():
            child.send_signal(signal.SIGQUIT if name == "postgres" else signal.SIGTERM)
        for child in self._children.values():
            child.wait(20)
        shutil.rmtree(self._folder, ignore_errors=True)

    def environment(self, home: Path | None = None) -> dict[str, str]:
        """Return the settings that name the databases of a state folder, or of the suite itself."""
        if home is not None and home not in self._homes:
            self._create(home, template="template1")
        number = self._homes[home] if home is not None else 0
        return {
            "DATABASE_URL": f"postgres://{OWNER}@{quote(str(self._folder), safe='')}/{_name(number)}",
            "REDIS_URL": f"redis://127.0.0.1:{self._redis_port}/{number}",
        }

    def copy(self, source: Path, home: Path) -> None:
        """Give a state folder a copy of another's database."""
        self._create(home, template=_name(self._homes[source]))

    def rows(self, home: Path, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the database of a state folder."""
        with self._connect(_name(self._homes[home])) as connection:
            return connection.execute(sql.replace("?", "%s"), values or None).fetchall()

    def _create(self, home: Path, template: str) -> None:
        number = len(self._homes) + 1
        assert number < REDIS_DATABASES
        with self._connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {_name(number)} TEMPLATE {template}")
        self._homes[home] = number

    def _connect(self, name: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(host=str(self._folder), user=OWNER, dbname=name, autocommit=True)

    def _start_postgres(self) -> None:
        data, programs = self._folder / "postgres", _postgres_programs()
        data.mkdir()
        user = _unprivileged()
        if user is not None:
            os.chown(data, user, -1)
            os.chown(self._folder, user, -1)
        command = [str(programs / "initdb"), *INITDB, "--icu-locale=en-US", "-U", OWNER, "-D", str(data)]
        subprocess.run(
            command, user=user, cwd=data, check=True, stdout=subprocess.DEVNULL, env={"PATH": os.defpath}
        )
        self.start_postgres()

    def start_postgres(self) -> None:
        """Start PostgreSQL, also again where it was stopped, and wait until it answers."""
        data, programs, user = self._folder / "postgres", _postgres_programs(), _unprivileged()
        options = POSTGRES_OPTIONS | {"unix_socket_directories": str(self._folder)}
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [str(programs / "postgres"), "-D", str(data), *words]
        self._run("postgres", command, signal.SIGQUIT, user=user)
        self._wait("postgres", lambda: self._connect("postgres").close())

    def start_redis(self) -> None:
        """Start Redis, also again where it was killed, and wait until it answers."""
        binary = shutil.which("redis-server")
        assert binary, "There is no redis-server on the PATH: tests/install_services.sh installs one."
        kept = {"appendonly": "yes" if self._keep_queue else "no"}
        options = REDIS_OPTIONS | kept | {"port": str(self._redis_port), "dir": str(self._folder)}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._run("redis", [binary, *words], signal.SIGTERM)
        self._wait("redis", lambda: redis.Redis(port=self._redis_port).ping())

    def _run(self, name: str, command: list[str], last_word: signal.Signals, user: int | None = None) -> None:
        with (self._folder / f"{name}.log").open("w") as log:
            self._children[name] = start_child(
                command, last_word, user=user, cwd=self._folder, stdout=log, stderr=log
            )

    def _wait(self, name: str, answers: Callable[[], Any]) -> None:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                answers()
            except (psycopg.OperationalError, redis.ConnectionError, redis.BusyLoadingError):
                ended = self._children[name].poll() is not None
                if ended or time.monotonic() > deadline:
                    logs = "\n".join(path.read_text() for path in self._folder.glob("*.log"))
                    raise AssertionError(f"A server did not start.\n{logs}") from None
                time.sleep(0.05)
            else:
                return


def _name(number: int) -> str:
    return f"semsearch_{number}"


def _postgres_programs() -> Path:
    """Return the folder of `initdb` and `postgres`: Debian's newest, or the one on the PATH."""
    found, on_path = _debian_programs(), shutil.which("initdb")
    assert found or on_path, "There is no PostgreSQL: tests/install_services.sh installs one."
    return found[-1].parent if found else Path(str(on_path)).resolve().parent


def needs() -> list[Need]:
    """Return which of the servers are missing."""
    postgres = Need("a PostgreSQL server", debian=("postgresql",))
    broker = Need("a Redis server", debian=("redis-server",))
    there = bool(_debian_programs() or shutil.which("initdb")), bool(shutil.which("redis-server"))
    return [need for need, found in zip((postgres, broker), there, strict=True) if not found]


def _debian_programs() -> list[Path]:
    """Return `initdb` of every PostgreSQL that Debian keeps off the PATH, the oldest first."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return sorted(found, key=lambda path: int(path.parts[-3]))


def _unprivileged() -> int | None:
    """Return the user to run PostgreSQL as, which refuses to run as root; None for the current one."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise AssertionError("PostgreSQL refuses to run as root, and there is no user postgres or nobody.")
