"""`run_experiments`, killed in the middle, goes on where it stopped; a second run adds what is missing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.prepared import Prepared
from tests.support.site import ROOT, count, environment, manage, rows, until

pytestmark = pytest.mark.process

COMMAND = ("run_experiments", "--dataset", "pictures", "--models", "efficientnet-lite0")
# in one process, which loads the network once
TWICE = f"""
from django.core.management import call_command
for _ in range(2):
    call_command(*{COMMAND}, json=True)
"""
KEPT = "SELECT coalesce(max(count), 0) FROM search_featurematrix"


def test_killed_while_it_extracts_it_keeps_what_it_had_and_finishes(prepared: Prepared) -> None:
    home = prepared.home
    run = subprocess.Popen(
        [sys.executable, "manage.py", *COMMAND],
        cwd=ROOT,
        env=environment(home, EXTRACT_BATCH="2"),
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: layers_kept(home) == 8, within_s=300, what="features of all layers", every_s=0.005)
    finally:
        run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL, "it ended before it was killed"
    images, kept = count(home, "gallery_image"), int(rows(home, KEPT)[0][0])
    assert 0 < kept < images, "it was not killed half-way"
    assert rows(home, "SELECT state FROM gallery_job WHERE kind = 'experiment'") == [("running",)]

    finished, again = map(json.loads, reports(home, TWICE))
    assert (finished["experiments"], finished["skipped"]) == (16, 0)
    assert (again["experiments"], again["skipped"]) == (0, 16)
    assert rows(home, "SELECT state, attempts FROM gallery_job WHERE kind = 'experiment'") == [
        ("succeeded", 2)
    ]
    assert count(home, "search_experimentquery") == 16 * images
    stored = int(rows(home, "SELECT sum(count) FROM search_featurematrix")[0][0])
    # of one batch at most some layers had been stored and others not: those are stored again
    assert 8 * images <= stored < 8 * (images + 64)


def reports(home: Path, program: str) -> list[str]:
    """Return the lines of JSON that a program prints in a process of its own."""
    return [
        line
        for line in manage(home, "shell", "--verbosity", "0", "-c", program).splitlines()
        if line.startswith("{")
    ]


def layers_kept(home: Path) -> int:
    return len(rows(home, "SELECT DISTINCT spec_id FROM search_featurematrix"))
