"""What the site holds when everything that it was asked for is done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from semsearch_site.supervision.child_processes import free_port
from tests.support.memory import held_mb
from tests.support.site import ROOT, environment, rows, running_on, until

pytestmark = [pytest.mark.process, pytest.mark.hostile]

PROMISED_MB = 900
LEFT = "SELECT count(*) FROM gallery_job WHERE state IN ('queued', 'running')"


def test_when_the_demo_has_finished_its_jobs_all_processes_hold_little(tmp_path: Path) -> None:
    """`test_jobs.py` has the short form: one worker that gives back what an extraction took."""
    home = tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "manage.py", "demo"]
    with (tmp_path / "said").open("w+") as said:
        given = environment(home, PORT=str(free_port()))
        site = subprocess.Popen(command, cwd=ROOT, env=given, stdout=said, stderr=said)
        try:
            until(lambda: "Ctrl-C" in (tmp_path / "said").read_text(), within_s=600, what="it serves")
            until(lambda: rows(home, LEFT) == [(0,)], within_s=1800, what="all jobs are done", every_s=2)
            failed = rows(home, "SELECT kind, error FROM gallery_job WHERE state <> 'succeeded'")
            assert failed == []
            until(lambda: held_mb(site.pid) < 0.75 * PROMISED_MB, within_s=60, what="memory", every_s=1)
            assert site.poll() is None
        finally:
            site.terminate()
            site.wait(30)
    assert not running_on(home)
