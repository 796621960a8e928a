"""What `make` says while it installs, and that pip's failure is its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy import install

ROOT = Path(__file__).resolve().parent.parent
SAID = [
    "Requirement already satisfied: django==5.2.8 in ./site-packages (from -r x (line 1))",
    "Collecting six==1.16.0 (from -r x (line 2))",
    "  Downloading six-1.16.0-py2.py3-none-any.whl (11 kB)",
    "Collecting tensorflow==2.21.0 (from -r x (line 3))",
    "  Downloading tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl (620.8 MB)",
    "Installing collected packages: six, tensorflow",
    "Successfully installed six-1.16.0 tensorflow-2.21.0",
]


def test_each_step_of_pip_is_told_with_how_many_there_are() -> None:
    shown: list[tuple[str, bool]] = []
    install.progress(SAID, 3, lambda words, kept: shown.append((words, kept)))
    assert shown == [
        ("1 of 3: django==5.2.8", False),
        ("2 of 3: six==1.16.0", False),
        ("3 of 3: tensorflow==2.21.0", False),
        ("3 of 3: downloading tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl (620.8 MB)", True),
        ("Unpacking 3 packages, a minute or two", True),
    ]


def test_a_log_keeps_every_tenth_package() -> None:
    shown: list[str] = []
    said = [f"Collecting package{number}==1" for number in range(1, 94)]
    install.progress(said, 93, lambda words, kept: shown.append(words) if kept else None)
    assert [line.split()[0] for line in shown] == [str(number) for number in range(10, 94, 10)]


def test_the_packages_of_a_lock_are_counted() -> None:
    assert install.packages_in("# a lock\n\ndjango==5.2\n-r other.txt\nsix==1\n") == 2
    lock = (ROOT / "requirements.lock").read_text()
    assert install.packages_in(lock) == lock.count("==")


@pytest.mark.parametrize(("line", "status"), [("", 0), ("no-such-package-anywhere @ file:///nowhere", 1)])
def test_what_is_installed_is_announced_and_the_status_is_that_of_pip(
    tmp_path: Path, line: str, status: int
) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(f"{line}\n")
    command = [sys.executable, "deploy/install.py", str(lock), "nothing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == status
    assert done.stdout.startswith(f"Installing {int(bool(line))} packages of {lock} (nothing) ...\n")
    assert ("ERROR" in done.stderr) is bool(status)
