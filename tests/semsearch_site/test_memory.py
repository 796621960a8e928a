"""Freed memory goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

BEGIN = """
import resource, threading
from pathlib import Path
from semsearch_site import memory

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
"""
SMALL_BLOCKS = """
blocks = [b"x" * 100_000 for _ in range(1_000)]
kept = blocks[::10]  # what lies between keeps the C library from giving back the rest by itself
del blocks
before = resident_mb()
memory.trim_heap()
print(before - resident_mb())
"""
LARGE_BLOCKS = """
size, have_worked, may_end = 12_000_000, threading.Barrier(9), threading.Event()

def work():
    for _ in range(3):
        b"x" * size
    have_worked.wait()
    may_end.wait()

before = resident_mb()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
have_worked.wait()
memory.trim_heap()
print(resident_mb() - before)
may_end.set()
"""


def printed(program: str) -> float:
    """Return the number that a program prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + program], stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what was freed")
def test_what_was_freed_between_what_is_kept_goes_back_to_the_system() -> None:
    assert printed(SMALL_BLOCKS) > 60


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what was freed")
def test_no_thread_keeps_a_large_block_that_it_has_freed() -> None:
    assert printed(LARGE_BLOCKS) > 60  # what the next line is for
    assert printed("memory.return_large_blocks()" + LARGE_BLOCKS) < 20
