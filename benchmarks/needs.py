"""What a benchmark needs of the machine beside the project's own requirements, and how to install it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Need:
    """Something that is missing, in words, with what brings it: packages of Debian, or a requirements file.

    What is optional is left out of the figures where it is missing; without the rest nothing can be measured.
    """

    what: str
    debian: tuple[str, ...] = ()
    requirements: str = ""
    optional: bool = False


def told(missing: Mapping[str, Sequence[Need]]) -> str:
    """Return in words what is missing, of which benchmarks, and the commands that install it."""
    benchmarks: dict[Need, list[str]] = {}
    for name, needs in missing.items():
        for need in needs:
            benchmarks.setdefault(need, []).append(name)
    lines = [f"  {', '.join(names)}: {need.what}" for need, names in benchmarks.items()]
    return "\n".join([*lines, "To install it:", *(f"  {line}" for line in _commands(list(benchmarks)))])


def _commands(needs: Sequence[Need]) -> list[str]:
    packages = dict.fromkeys(package for need in needs for package in need.debian)
    files = dict.fromkeys(need.requirements for need in needs if need.requirements)
    sudo = "" if os.geteuid() == 0 else "sudo "
    apt = [f"{sudo}apt-get install --no-install-recommends {' '.join(packages)}"] if packages else []
    return [*apt, *(f".venv/bin/python -m pip install -c requirements.lock -r {file}" for file in files)]
