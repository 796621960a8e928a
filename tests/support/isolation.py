"""A pytest plugin loaded before Django: a state folder and services for the whole run, removed at its end.

`SEMSEARCH_TEST_SERVICES=servers` runs the suite on a PostgreSQL and a Redis of its own; otherwise it runs on
what is embedded, SQLite and Valkey.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

import pytest

_home = tempfile.mkdtemp(prefix="semsearch-tests-")
os.environ["SEMSEARCH_HOME"] = _home
os.environ["SEARCH_THROTTLE"] = "100000/min"
for _name in (
    "DATABASE_URL",
    "DATABASE_POOL",
    "REDIS_URL",
    "DEBUG",
    "ALLOWED_HOSTS",
    "OPEN_READING",
    "INDEX_BACKEND",
):
    os.environ.pop(_name, None)
atexit.register(shutil.rmtree, _home, ignore_errors=True)

# the settings read the environment once, when they are imported: the servers must have addresses by then
if os.environ.get("SEMSEARCH_TEST_SERVICES", "embedded") == "servers":
    from tests.support import services

    os.environ |= services.start_servers()


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of tests that make sense on one kind of services only."""
    config.addinivalue_line("markers", "embedded: is about SQLite or the embedded broker itself")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is about the embedded services where there are none."""
    if "DATABASE_URL" not in os.environ:
        return
    for item in items:
        if item.get_closest_marker("embedded"):
            item.add_marker(pytest.mark.skip(reason="is about SQLite or the embedded broker itself"))
