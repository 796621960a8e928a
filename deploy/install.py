"""Installs a lock file with pip and says how far it is: `python deploy/install.py FILE [SIZE]`.

It runs before anything is installed, so it knows the standard library only. What goes wrong is said by pip.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

PIP = (
    *(sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"),
    "--use-pep517",  # pip 23 warns of each package without a pyproject.toml else
)
EVERY = 10  # packages, where the output is no terminal
LARGE_MB = 50  # downloads that take long enough to be named there
WIDTH = 78


def packages_in(lock: str) -> int:
    """Return how many packages a lock file names."""
    return sum(1 for line in lock.splitlines() if line.strip() and not line.lstrip().startswith(("#", "-")))


def progress(said: Iterable[str], total: int, show: Callable[[str, bool], None]) -> None:
    """Turn pip's lines into steps; `show` gets each in words, and whether it is one to keep in a log."""
    known = 0
    for line in said:
        words = line.split()
        if line.startswith(("Collecting ", "Requirement already satisfied: ")):
            known += 1
            name = words[3] if line.startswith("R") else words[1]
            show(f"{min(known, total)} of {total}: {name}", known % EVERY == 0)
        elif words[:1] == ["Downloading"] and "MB)" in words:
            large = float(words[-2].lstrip("(")) >= LARGE_MB
            show(f"{min(known, total)} of {total}: downloading {' '.join(words[1:])}", large)
        elif line.startswith("Installing collected packages"):
            show(f"Unpacking {total} packages, a minute or two", True)


def main(file: str, size: str = "") -> int:
    """Install a lock file; return pip's exit status."""
    total = packages_in(Path(file).read_text())
    print(f"Installing {total} packages of {file}{size and f' ({size})'} ...", flush=True)
    terminal = sys.stdout.isatty()

    def show(words: str, kept: bool) -> None:
        if terminal:
            print(f"\r  {words[:WIDTH]:{WIDTH}}", end="", flush=True)
        elif kept:
            print(f"  {words}", flush=True)

    with subprocess.Popen([*PIP, "-r", file], stdout=subprocess.PIPE, text=True) as pip:
        assert pip.stdout is not None
        progress(pip.stdout, total, show)
    if terminal:
        print()
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
