"""Which services the suite runs on: those embedded in a state folder, or servers of the suite's own."""

from __future__ import annotations

import atexit
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.fleet.servers import Servers

_servers: Servers | None = None


def start_servers() -> dict[str, str]:
    """Start servers for all tests of this process; returns the settings that name them."""
    global _servers
    from benchmarks.fleet.servers import Servers

    _servers = Servers()
    atexit.register(_servers.stop)
    _servers.start()
    return _servers.environment()


def stop_servers() -> None:
    """Stop the servers that were started, if any."""
    if _servers is not None:
        atexit.unregister(_servers.stop)
        _servers.stop()


def embedded() -> bool:
    """Whether the suite runs on SQLite and Valkey."""
    return _servers is None


def environment(home: Path) -> dict[str, str]:
    """Return the settings that name the services of a state folder."""
    return {} if _servers is None else _servers.environment(home)


def copy_state(source: Path, home: Path) -> None:
    """Copy a state folder with its database; static files and converted networks are those of the tests."""
    from django.conf import settings

    shutil.copytree(source, home)
    (home / "static").symlink_to(settings.STATIC_ROOT)
    (home / "cache").symlink_to(settings.CACHE_ROOT)
    if _servers is not None:
        _servers.copy(source, home)


def rows(home: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query on a site's database, read beside its own processes; `?` is a value."""
    file = home / "semsearch.sqlite3"
    if _servers is not None and not file.exists():
        return _servers.rows(home, sql, values)
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()
