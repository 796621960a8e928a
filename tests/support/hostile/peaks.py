"""Measures what decoding files takes of memory, run as a module in a process of its own.

Each line of the input is the path of a file and the shortest side that is wanted, 0 for none; each line of
the output is JSON: what was reckoned, what it took at most, and how long, or why it was refused.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from pathlib import Path

from PIL import AvifImagePlugin, Image

from gallery.errors import SemsearchError
from gallery.imaging import decoder
from gallery.imaging.files import formats, headers
from gallery.imaging.memory import Wanted, memory_needed

PR_SET_THP_DISABLE = 41  # linux/prctl.h


def main() -> None:
    """Measure the files that the input names."""
    # of a huge page, which NumPy asks for, 2 MiB count where a few bytes are used
    ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    Image.MAX_IMAGE_PIXELS = None
    for line in sys.stdin:
        path, side = line.rsplit(maxsplit=1)
        sys.stdout.write(json.dumps(_measured(Path(path).read_bytes(), int(side))) + "\n")
        sys.stdout.flush()


def _measured(data: bytes, side: int) -> dict[str, object]:
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before, started = _status("VmRSS"), time.perf_counter()
    try:
        pixels, needed = _decode(data, Wanted(side or None))
    except SemsearchError as error:
        return {"error": error.detail}
    return {
        "pixels": pixels,
        "needed": needed,
        "taken": _status("VmHWM") - before,
        "seconds": round(time.perf_counter() - started, 3),
    }


def _decode(data: bytes, wanted: Wanted) -> tuple[int, int]:
    kind = formats.recognised(data)
    declared = headers.declared(kind, data)
    if declared is not None:
        decoder.decoded(declared, data, wanted)
        return declared.pixels, memory_needed(declared, wanted)
    with decoder.looked_into(kind, data) as (declared, opened):
        decoder.decoded_by_pillow(declared, opened, wanted, data)
        return declared.pixels, memory_needed(declared, wanted)


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}")


if __name__ == "__main__":
    main()
