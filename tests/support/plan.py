"""A pytest plugin: which tests are about services, what a worker takes as one piece, what failed, at once.

`-m servers` are the tests that can differ between SQLite with Valkey and PostgreSQL with Redis: those that
use a database or start processes. All others would do the same again. Of the browser tests, whose pages ask
the same interface as the tests without a browser, those of one file are among them.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

DATABASE_FIXTURES = frozenset({"db", "transactional_db", "django_db_setup", "live_server", "template"})
BROWSER_SMOKE = "tests/browser/test_live.py"
MARKERS = (
    "servers: uses a database or processes, so that it can differ on PostgreSQL and Redis",
    "embedded: is about SQLite or the embedded broker itself",
    "hostile: the long form of an attack or a large repeat, or a load; left out unless -m names it",
)
# one server, one prepared state folder, one compilation of UMAP or one TensorFlow serves all of these
PIECES = {
    "tests/process/test_chaos": "chaos",
    "tests/process/test_jobs": "processes of jobs",
    "tests/process/test_hostile": "processes and strangers",
    "tests/process/test_web_server": "processes and strangers",
    "tests/process/": "processes",
    "tests/search/maps/": "maps",
    "tests/search/projections/": "maps",
    "tests/search/extractors/": "extractors",
    "tests/search/index/test_milvus": "milvus",
    "tests/search/index/test_congruence": "milvus",
}
# what waits most begins first, beside what computes
FIRST = ("processes", "chaos", "milvus", "extractors", "maps", "tests/browser/")
# Python's own, (700, 10, 10), take 4 to 9 % of the time: TensorFlow brings many objects to look through
GARBAGE_THRESHOLDS = (50_000, 20, 100)


@pytest.hookimpl(trylast=True)  # when there is a terminal reporter
def pytest_configure(config: pytest.Config) -> None:
    """Name the markers; tell of failures where tests are not handed to workers only."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Failures(config))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while tests and modules are loaded, and later seldom, and not among those."""
    gc.disable()
    found = yield
    gc.freeze()
    gc.enable()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    return found


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Mark what can differ on servers, before -m looks for it; keep the tests of a piece together."""
    if "hostile" not in config.getoption("markexpr"):
        items[:] = [item for item in items if not item.get_closest_marker("hostile")]
    for item in items:
        if _can_differ(item):
            item.add_marker("servers")
        if "DATABASE_URL" in os.environ and item.get_closest_marker("embedded"):
            item.add_marker(pytest.mark.skip(reason="is about SQLite or the embedded broker itself"))
    found = yield
    order = {name: number for number, name in enumerate(dict.fromkeys(piece(item.nodeid) for item in items))}
    items.sort(key=lambda item: (_turn(piece(item.nodeid)), order[piece(item.nodeid)]))
    return found


def _can_differ(item: pytest.Item) -> bool:
    if item.get_closest_marker("browser"):
        return item.nodeid.startswith(BROWSER_SMOKE)
    uses = DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ()))
    return bool(uses or item.get_closest_marker("django_db") or item.get_closest_marker("process"))


def piece(nodeid: str) -> str:
    """Return the name of what one worker runs in one go: most often a file."""
    path = nodeid.partition("::")[0]
    return next((name for start, name in PIECES.items() if path.startswith(start)), path)


def _turn(name: str) -> int:
    """Return the place of a piece in the run: equal ones come in the order of their collection."""
    return next((number for number, start in enumerate(FIRST) if name.startswith(start)), len(FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Hand out pieces in the order of the tests."""
    from xdist.scheduler import LoadScopeScheduling

    class Pieces(LoadScopeScheduling):  # type: ignore[misc]  # without types
        def _split_scope(self, nodeid: str) -> str:
            return piece(nodeid)

    config.option.loadscopereorder = False
    return Pieces(config, log)


class Failures:
    """Names a failed test when it has failed, not only at the end of the run."""

    def __init__(self, config: pytest.Config) -> None:
        self._terminal = config.pluginmanager.get_plugin("terminalreporter")

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print the name and the first line of what went wrong."""
        if report.failed and self._terminal is not None:
            crash = getattr(report.longrepr, "reprcrash", None)
            said = str(getattr(crash, "message", report.longrepr)).partition("\n")[0]
            self._terminal.ensure_newline()
            self._terminal.write_line(f"FAILED {report.nodeid} ({report.when}): {said}", red=True)
            self._terminal.flush()
