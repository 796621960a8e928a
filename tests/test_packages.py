"""The wheels of the project and of its client are built, and the project runs from its own."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.build_hooks import requirements
from gallery.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
PROBE = """
import os, sys
sys.argv = ["semsearch", *{words}]
from semsearch_site.main import main
main()
from django.template.loader import get_template
from django.contrib.staticfiles import finders
from gallery.system.home.shipped_files import IS_CHECKOUT
import semsearch
assert not IS_CHECKOUT
get_template("base.html")
assert finders.find("js/shared/api.js")
assert all(len(semsearch.samples(name)[0]) > 190 for name in ("photos200", "objects200", "clipart200"))
"""


def built(project: Path, out: Path) -> zipfile.ZipFile:
    """Build a wheel without asking any other machine, and return it."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = out.glob("*.whl")
    return zipfile.ZipFile(wheel)


def test_the_wheel_of_the_client_holds_its_types_and_needs_two_packages(tmp_path: Path) -> None:
    wheel = built(ROOT / "clients" / "python", tmp_path)
    names = wheel.namelist()
    assert {"semsearch_client/py.typed", "semsearch_client/_sync/client.py"} <= set(names)
    (facts,) = [wheel.read(name).decode() for name in names if name.endswith("METADATA")]
    assert f"Version: {VERSION}\n" in facts
    needed = [line for line in facts.splitlines() if line.startswith("Requires-Dist") and "extra" not in line]
    assert [line.split()[1].partition("<")[0].partition(">")[0] for line in needed] == ["httpx", "numpy"]


@pytest.mark.process
def test_the_project_runs_from_its_wheel(tmp_path: Path) -> None:
    wheel = built(ROOT, tmp_path / "built")
    names = wheel.namelist()
    assert not [name for name in names if name.startswith(("tests/", "var/", "templates/", "static/"))]
    licences = {f"semsearch/shipped/sample_data/COPYING-{which}" for which in ("stamps", "photos")}
    assert licences <= set(names)
    facts = next(wheel.read(name).decode() for name in names if name.endswith("METADATA"))
    scripts = next(wheel.read(name).decode() for name in names if name.endswith("entry_points.txt"))
    assert f"Version: {VERSION}\n" in facts
    assert "semsearch = semsearch_site.main:main" in scripts
    assert facts.count("Requires-Dist: ") == len(requirements(ROOT / "requirements.txt"))
    wheel.extractall(tmp_path / "installed")
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("SEMSEARCH", "DJANGO"))
    }
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(words=["check"])],
        cwd=tmp_path,
        env=clean
        | {"PYTHONPATH": str(tmp_path / "installed"), "HOME": str(tmp_path / "home"), "XDG_DATA_HOME": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "home" / ".local" / "share" / "semsearch").is_dir()
