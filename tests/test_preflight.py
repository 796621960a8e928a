"""What is said before anything is downloaded, where the installation could not work."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from deploy import preflight

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_a_python_that_tensorflow_has_packages_for_will_do(version: tuple[int, int]) -> None:
    assert preflight.wrong_python(version, []) == ""


@pytest.mark.parametrize("version", [(2, 7), (3, 10), (3, 14), (3, 15), (4, 0)])
def test_another_python_is_refused_with_one_that_is_there(version: tuple[int, int]) -> None:
    words = preflight.wrong_python(version, ["python3.13", "python3.11"])
    assert words.startswith(
        f"semsearch needs Python 3.11, 3.12 or 3.13, and this is {version[0]}.{version[1]}"
    )
    assert words.endswith("make demo PYTHON=python3.13")
    assert ("TensorFlow has no package yet" in words) is (version > (3, 13))
    assert "once it is installed" in preflight.wrong_python(version, [])


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (("win32", "AMD64", 64, "cp312-win_amd64"), "WSL"),
        (("linux", "armv7l", 32, "cpython-312-arm-linux-gnueabihf"), "64-bit"),
        (("linux", "x86_64", 64, "cpython-312-x86_64-linux-musl"), "Alpine"),
        (("darwin", "x86_64", 64, "cpython-312-darwin"), "Intel"),
        (("linux", "riscv64", 64, "cpython-312-riscv64-linux-gnu"), "riscv64"),
        (("linux", "x86_64", 64, "cpython-312-x86_64-linux-gnu"), ""),
        (("linux", "aarch64", 64, "cpython-312-aarch64-linux-gnu"), ""),
        (("darwin", "arm64", 64, "cpython-312-darwin"), ""),
    ],
)
def test_a_machine_without_packages_is_refused(machine: tuple[str, str, int, str], words: str) -> None:
    said = preflight.wrong_platform(*machine)
    assert words in said
    assert bool(said) is bool(words)


def test_a_compiler_is_asked_for_only_where_a_package_is_compiled() -> None:
    nothing: dict[str, str] = {}
    assert preflight.missing_compiler("linux", "x86_64", nothing.get) == ""
    assert "sudo apt-get install cargo" in preflight.missing_compiler("linux", "aarch64", nothing.get)
    assert preflight.missing_compiler("linux", "aarch64", {"cargo": "/usr/bin/cargo"}.get) == ""


def test_a_disk_is_asked_for_all_that_comes_to_it() -> None:
    needed = [("/project", 3500), ("/tmp", 1000)]
    disks = {"/project": (1, 4000.0), "/tmp": (2, 1500.0)}
    assert preflight.full_disk(needed, disks.__getitem__) == ""
    words = preflight.full_disk(needed, lambda folder: (1, 4000.0))
    assert words.startswith("The disk of /project has 4,000 MB free, and the installation takes 4,500")
    assert "/tmp" in preflight.full_disk(needed, {**disks, "/tmp": (2, 10.0)}.__getitem__)


def test_a_python_without_virtual_environments_is_told_the_package() -> None:
    assert "python3-venv" in preflight.missing_tool(lambda name: None)
    assert preflight.missing_tool(lambda name: name) == ""


def test_make_says_it_before_it_makes_an_environment(tmp_path: Path) -> None:
    for name in ("Makefile", "deploy"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    for lock in ("requirements.lock", "requirements-text.lock"):
        (tmp_path / lock).touch()
    fake = tmp_path / "python3.14"
    fake.write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'import runpy, sys; sys.version_info = (3, 14, 0)\n"
        'sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name="__main__")\' "$@"\n'
    )
    fake.chmod(0o755)
    done = subprocess.run(
        ["make", "setup", f"PYTHON={fake}"], cwd=tmp_path, capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert "needs Python 3.11, 3.12 or 3.13, and this is 3.14, for which TensorFlow" in lines[0]
    assert not (tmp_path / ".venv").exists()


def test_the_versions_of_python_are_named_alike_everywhere() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert re.search(r'requires-python = ">=3\.11,<3\.14"', pyproject)
    assert "Python 3.11, 3.12 or 3.13" in (ROOT / "README.md").read_text()


def test_what_is_locked_runs_on_the_python_of_debian_12() -> None:
    """A release may ask for a later 3.11 than that; what is installed in another version is not looked at."""
    refused, looked_at = [], 0
    for lock in sorted(ROOT.glob("requirements*.lock")):
        for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(), flags=re.M):
            try:
                facts = importlib.metadata.metadata(name).json
            except importlib.metadata.PackageNotFoundError:
                continue
            if facts["version"] == version:
                looked_at += 1
                wanted = str(facts.get("requires_python", ""))
                if not SpecifierSet(wanted).contains("3.11.2"):
                    refused.append((lock.name, name, wanted))
    assert refused == []
    assert looked_at > 100
