"""A pytest plugin loaded before Django: each process of a run gets a state folder and services of its own.

`SEMSEARCH_TEST_SERVICES=servers` runs the tests on a PostgreSQL and a Redis of their own; otherwise they run
on what is embedded, SQLite and Valkey. With `pytest -n` every worker has a state folder and servers of its
own; the process that hands out the tests has no servers. All share the run's folder, where what takes long is
made once (`tests.support.once`), and all runs share the folder of converted networks
(`tests.support.network_cache`).
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support import network_cache

RUN = "SEMSEARCH_TEST_RUN"
# what a developer has set for a site of his own
NOT_OURS = (
    "DATABASE_URL",
    "DATABASE_POOL",
    "REDIS_URL",
    "DEBUG",
    "ALLOWED_HOSTS",
    "URL_PREFIX",
    "SCRIPT_NAME",
    "HOST",
    "PORT",
    "OPEN_READING",
    "INDEX_BACKEND",
)
COMPUTE_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")


def _own_home() -> Path:
    """Return the new state folder of this process, in the folder of the run."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker:
        run = tempfile.mkdtemp(prefix="semsearch-tests-")
        atexit.register(shutil.rmtree, run, ignore_errors=True)
        os.environ[RUN] = run  # the workers inherit it
    home = Path(os.environ[RUN]) / (worker or "main")
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "models").symlink_to(network_cache.folder())
    # static files are collected once a run, whoever needs them first
    (home / "static").symlink_to(Path(os.environ[RUN]) / "static")
    return home


for _name in NOT_OURS:
    os.environ.pop(_name, None)
if _workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    # a thread that waits for its part of a small matrix spins: on cores that other workers want as well
    for _name in COMPUTE_THREADS:
        os.environ.setdefault(_name, str(max(1, (os.cpu_count() or 1) // _workers)))
os.environ["SEMSEARCH_HOME"] = str(_own_home())
os.environ["NUMBA_CACHE_DIR"] = str(network_cache.folder() / "numba")  # what is compiled for maps
for _name in ("SEARCH", "UPLOAD", "READ", "SIGN_IN"):
    os.environ[f"{_name}_THROTTLE"] = "100000/min"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start the servers before pytest-django imports the settings, which read the environment once."""
    # a worker is given the arguments of the process that hands tests out to it
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    hands_out = not is_worker and getattr(early_config.known_args_namespace, "numprocesses", None)
    if os.environ.get("SEMSEARCH_TEST_SERVICES", "embedded") == "servers" and not hands_out:
        from tests.support import services

        os.environ.update(services.start_servers())
    return (yield)


def pytest_unconfigure() -> None:
    """Stop the servers, also in a worker, which does not end as other programs do."""
    from tests.support import services

    services.stop_servers()
