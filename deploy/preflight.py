"""Says in a sentence what keeps the installation from working: `python deploy/preflight.py LOCK [PYTHON]`.

`make` runs it before anything is downloaded, with whatever Python there is. So it knows the standard library
only and is written for Python 3.7 as well; it installs nothing.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

# for which TensorFlow has packages; `pyproject.toml` and the README name them too
OLDEST, NEWEST = (3, 11), (3, 13)
# of a virtual environment with a lock in it, and of what pip unpacks in the temporary folder meanwhile, in MB
ENVIRONMENT_MB = {"requirements.lock": 3500, "requirements-dev.lock": 1200, "requirements-serve.lock": 1200}
DOWNLOADS_MB = 1000
# systems and processors that TensorFlow and OpenVINO have packages for, and those on which one package
# has to be compiled; see docs/how-to/deployment.md
KNOWN = {("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")}
COMPILED = {("linux", "aarch64")}
# of the recipes in Makefile
TOOLS = ("sh", "touch", "rm")


def wrong_python(version: tuple[int, int], found: Sequence[str]) -> str:
    """Return why this version of Python will not do, with one of those that were found, or ""."""
    if OLDEST <= version <= NEWEST:
        return ""
    wanted = " or ".join([", ".join(_names()[:-1]), _names()[-1]])
    told = f"semsearch needs Python {wanted}, and this is {version[0]}.{version[1]}"
    if version > NEWEST:
        told += ", for which TensorFlow has no package yet"
    advice = found[0] if found else "python3.12"
    installed = "" if found else ", once it is installed"
    return f"{told}: name another to make{installed}, as in: make demo PYTHON={advice}"


def _names() -> list[str]:
    return [f"{OLDEST[0]}.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]


def pythons_found() -> list[str]:
    """Return the commands of this machine that start a Python which will do, the newest first."""
    commands = ["python" + name for name in reversed(_names())]
    return [command for command in commands if shutil.which(command)]


def wrong_platform(system: str, processor: str, bits: int, libc: str) -> str:
    """Return why no packages can be had for this machine, or ""."""
    if system == "win32":
        return "semsearch runs on Linux and macOS: on Windows use it in WSL 2."
    if bits != 64:
        return f"semsearch needs a 64-bit Python, and this one has {bits} bits."
    if "musl" in libc:
        return (
            "TensorFlow has no packages for systems with musl, as Alpine: use one with glibc, as Debian, or "
            "the image of Dockerfile."
        )
    if (system, processor) == ("darwin", "x86_64"):
        return (
            "TensorFlow has no packages for Macs with Intel processors any more: use the image of Dockerfile."
        )
    if (system, processor) not in KNOWN:
        return f"TensorFlow has no packages for {processor} processors: use x86-64 or 64-bit ARM."
    return ""


def missing_tool(found: Callable[[str], object]) -> str:
    """Return which part of Python or which tool is missing, and how it is installed, or ""."""
    if not found("ensurepip"):
        return (
            "This Python cannot make virtual environments: install the package that belongs to it, on Debian "
            "and Ubuntu by: sudo apt-get install python3-venv"
        )
    lacking = [tool for tool in TOOLS if not shutil.which(tool)]
    if lacking:
        return f"{lacking[0]} cannot be found, which make needs: install coreutils, or correct PATH."
    return ""


def missing_compiler(system: str, processor: str, found: Callable[[str], object]) -> str:
    """Return what has to be installed where a package is compiled, or ""."""
    if (system, processor) not in COMPILED or found("cargo"):
        return ""
    return (
        f"Nobody has built cykooz-resizer for {processor}, and Rust, which compiles it, is missing: "
        "install it, on Debian and Ubuntu by: sudo apt-get install cargo"
    )


def full_disk(needed: Iterable[tuple[str, int]], free: Callable[[str], tuple[int, float]]) -> str:
    """Return which disk is too full, or ""; `needed` are folders with MB, `free` tells the MB of one.

    Folders on one disk share it.
    """
    sums: dict[int, int] = {}
    first: dict[int, tuple[str, float]] = {}
    for folder, mb in needed:
        disk, left = free(folder)
        first.setdefault(disk, (folder, left))
        sums[disk] = sums.get(disk, 0) + mb
    for disk, mb in sums.items():
        folder, left = first[disk]
        if left < mb:
            return (
                f"The disk of {folder} has {left:,.0f} MB free, and the installation takes {mb:,}: free some "
                f"of it, or put the project on another disk{_other_folder(folder)}."
            )
    return ""


def _other_folder(folder: str) -> str:
    return "; TMPDIR names another temporary folder" if folder == tempfile.gettempdir() else ""


def free_mb(folder: str) -> tuple[int, float]:
    """Return what disk a folder is on, and how many MB of it are free."""
    return Path(folder).stat().st_dev, shutil.disk_usage(folder).free / 1e6


def unwritable(folder: str) -> str:
    """Return that nothing can be written into a folder, or ""."""
    return (
        ""
        if os.access(folder, os.W_OK)
        else f"Nothing can be written into {folder}: correct its owner or mode."
    )


def problems(lock: str) -> Iterator[str]:
    """Yield each sentence that says why the installation cannot work."""
    here = str(Path(__file__).resolve().parent.parent)
    system, processor = sys.platform, platform.machine()
    libc = sysconfig.get_config_var("SOABI") or ""
    yield wrong_python(sys.version_info[:2], pythons_found())
    yield wrong_platform(system, processor, 64 if sys.maxsize > 2**32 else 32, libc)
    yield missing_tool(importlib.util.find_spec)
    yield missing_compiler(system, processor, shutil.which)
    yield unwritable(here)
    mb = ENVIRONMENT_MB.get(Path(lock).name, DOWNLOADS_MB)
    yield full_disk([(here, mb), (tempfile.gettempdir(), DOWNLOADS_MB)], free_mb)


def main(lock: str) -> int:
    """Print the first sentence there is; return 1 then."""
    for sentence in problems(lock):
        if sentence:
            sys.stderr.write(sentence + "\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
