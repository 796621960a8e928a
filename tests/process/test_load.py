"""Eight clients do everything at once to a real site: nothing fails, nothing grows, everything agrees."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from benchmarks.fleet.servers import Servers
from tests.support.load import UNTHROTTLED, Load
from tests.support.prepared import Prepared
from tests.support.site import RunningSite, manage, report

pytestmark = pytest.mark.process

MINUTES = float(os.environ.get("LOAD_MINUTES", "30"))
GROWTH = 0.05
WARM_AFTER_MINUTES = 5  # until then a process fills its caches


def loaded(prepared: Prepared, seconds: float) -> Load:
    """Return a load that was applied to a site, whose jobs have ended since; amid it a backup is written."""
    with RunningSite(prepared.home, token=prepared.token, **UNTHROTTLED) as site:
        load = Load(site, seconds)
        written = threading.Timer(
            seconds / 3, report, (prepared.home, "backup", str(backup_of(prepared)), "--with-derived")
        )
        written.start()
        load.run()
        written.join()
        load.settle(within_s=max(120.0, seconds))
        assert load.failures() == [], site.log()[-4000:]
        assert "Traceback" not in site.log()
    return load


def backup_of(prepared: Prepared) -> Path:
    """Return where the backup of a load is."""
    return prepared.home.with_name("backup")


def comes_back_whole(prepared: Prepared, **services: str) -> bool:
    """Whether the backup becomes a home in which everything agrees, on these services.

    Images that waited for their job in that moment are extracted first.
    """
    home = prepared.home.with_name("restored")
    lines = (
        "from django.core.management import call_command",
        f"call_command('restore', {str(backup_of(prepared))!r}, json=True)",
        "call_command('extract_features', json=True)",
        "call_command('verify', json=True)",
    )
    said = manage(home, "shell", "--no-imports", "--verbosity", "0", "-c", "\n".join(lines), **services)
    return bool(json.loads(said.splitlines()[-1])["ok"])


@pytest.mark.hostile
@pytest.mark.slow
def test_a_load_of_everything_at_once_fails_nothing_and_lets_no_process_grow(prepared: Prepared) -> None:
    load = loaded(prepared, 60 * MINUTES)
    asked = {what for what, _ in load.answers}
    assert asked > {"search", "add", "delete_image", "undelete", "relabel"}, load.answers
    if MINUTES / 3 >= WARM_AFTER_MINUTES:
        assert {name: share for name, share in load.growth().items() if share > GROWTH} == {}
    assert report(prepared.home, "verify")["ok"]
    servers = Servers()
    try:
        servers.start()
        assert comes_back_whole(prepared, **servers.environment(prepared.home.with_name("restored")))
    finally:
        servers.stop()
