"""Forgets what was counted of rates, and runs a Valkey of a test's own to count in."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings

from gallery.access import rate_counters, rates
from semsearch_site.supervision.supervisor import broker_command


def forget_hits() -> None:
    """Begin to count anew, in the file and in the server of the suite, if it has one."""
    rates._counter.cache_clear()
    with suppress(OSError):
        settings.RATE_FILE.unlink()
    if settings.REDIS_URL:
        client = rate_counters.client_of(settings.REDIS_URL)
        for key in client.scan_iter(f"{rate_counters.PREFIX}*"):
            client.delete(key)


@contextmanager
def running_valkey(folder: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """Run a Valkey as `serve` does; yields its socket and its process."""
    # a path of a socket has at most 107 bytes
    socket = folder / "v.sock"
    process = subprocess.Popen(
        broker_command(socket, folder / "broker"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 10
        while not socket.exists():
            assert process.poll() is None, "Valkey ended"
            assert time.monotonic() < deadline, "Valkey did not start"
            time.sleep(0.02)
        yield socket, process
    finally:
        process.kill()
        process.wait()
