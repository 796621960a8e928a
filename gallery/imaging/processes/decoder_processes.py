"""Has a file decoded by a process with a limit of memory and a deadline, within the memory for decoding.

Who asks holds a place, a process and the memory that the file takes, and then that of the image until it is
done with it. A process that dies over a file is no fault of ours: the file is refused, and the next one gets
another process.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass

import numpy as np

from gallery.errors import NotAnImageError, SemsearchError, TooLargeError
from gallery.imaging.bounds import ImageLimits
from gallery.imaging.budget import LARGE, PLACES, Patience, large_bytes
from gallery.imaging.decoder import ImageFacts
from gallery.imaging.files.formats import Format
from gallery.imaging.files.headers import Declared
from gallery.imaging.memory import Wanted, memory_needed
from gallery.imaging.messages import Head
from gallery.imaging.processes.process_pool import POOL, PROCESS_BYTES, DecoderProcess
from gallery.imaging.types import RGB
from gallery.system.concurrency.cores import usable_cores

# what opening a file may take before its size is known
LOOK_BYTES = 48 * 2**20
FILE_COPIES = 2
MOST_PROCESSES = 4
# a process keeps its own deadlines, of the processor and of the clock; past both it is ended from outside
CLOCK_TIMES = 6.0
GRACE_S = 10.0

_OVERDUE = (-signal.SIGPROF, -signal.SIGALRM, -signal.SIGKILL)
_ERRORS: dict[str, type[SemsearchError]] = {error.code: error for error in (NotAnImageError, TooLargeError)}


@dataclass(frozen=True)
class Task:
    """A file to be decoded, and what its header declares where that is known."""

    data: bytes
    kind: Format
    limits: ImageLimits
    wanted: Wanted
    declared: Declared | None
    only_facts: bool = False

    def cost_bytes(self, needed: int) -> int:
        """Return what a decoder process takes in all where decoding alone takes so much."""
        return PROCESS_BYTES + FILE_COPIES * len(self.data) + needed


@contextmanager
def done(task: Task) -> Iterator[tuple[ImageFacts, RGB | None]]:
    """Have a file decoded; without pixels where only facts are asked for. Their memory is held while inside.

    Raises: NotAnImageError, TooLargeError, BusyError, DecoderStartError.
    """
    with ExitStack() as memory:
        yield _done(task, memory)


def _done(task: Task, memory: ExitStack) -> tuple[ImageFacts, RGB | None]:
    patience = Patience(task.limits.wait_s)
    if task.declared is not None:  # what never fits waits for nothing
        needed = memory_needed(task.declared, task.wanted)
        task.limits.check_memory(task.declared.size, task.cost_bytes(needed))
    places = max(2, min(MOST_PROCESSES, usable_cores()))
    with PLACES.taken(1, places, patience.left_s, task.limits.most_waiting):
        process = POOL.take()
        try:
            found = _asked(process, task, patience, memory)
        except (EOFError, OSError, ValueError, LookupError, TypeError) as error:
            raise _cause_of_death(process.end(), task) from error
        except SemsearchError:
            POOL.put(process)
            raise
        except BaseException:
            process.end()
            raise
        POOL.put(process)
        return found


def _asked(
    process: DecoderProcess, task: Task, patience: Patience, memory: ExitStack
) -> tuple[ImageFacts, RGB | None]:
    """Give a process the file; where only its decoder knows what it takes, the word to go on comes second."""
    limits, declared = task.limits, task.declared
    capacity, body = large_bytes(limits.memory_bytes), task.data
    head: Head = {
        "kind": task.kind.name, "limits": asdict(limits), "wanted": asdict(task.wanted),
        "only_facts": task.only_facts, "stop": False,
    }  # fmt: skip
    if declared is not None:
        size, needed = declared.size, memory_needed(declared, task.wanted)
    else:
        with LARGE.taken(min(capacity, task.cost_bytes(LOOK_BYTES)), capacity, patience.left_s):
            said, _ = _answer(process, {**head, "memory": LOOK_BYTES}, body, limits)
        size, needed, body = (int(said["size"][0]), int(said["size"][1])), int(said["needed"]), b""
    try:
        limits.check_memory(size, task.cost_bytes(needed))
        held = memory.enter_context(LARGE.taken(task.cost_bytes(needed), capacity, patience.left_s))
    except SemsearchError:
        if declared is None:
            process.ask({"stop": True})
        raise
    POOL.make_room(capacity - LARGE.used)
    answer, count = _answer(process, {**head, "memory": needed}, body, limits)
    rgb = _pixels(process, answer["shape"], count, needed)
    held.keep(0 if rgb is None else rgb.nbytes)
    return ImageFacts(**answer["facts"]), rgb


def _answer(process: DecoderProcess, head: Head, body: bytes, limits: ImageLimits) -> tuple[Head, int]:
    process.ask(head, body)
    answer, count = process.answer(CLOCK_TIMES * limits.decode_s + GRACE_S)
    if "error" in answer:
        if answer["ends"]:
            process.end()
        raise _ERRORS[answer["error"]](answer["detail"])
    return answer, count


def _pixels(process: DecoderProcess, shape: list[int], count: int, most_bytes: int) -> RGB | None:
    if not shape:
        return None
    rgb = np.empty(shape, dtype=np.uint8)
    if rgb.ndim != 3 or rgb.nbytes != count or count > most_bytes:
        raise ValueError("the decoder process sent something else than an image")
    process.read_into(rgb.data.cast("B"))
    return rgb


def _cause_of_death(status: int, task: Task) -> SemsearchError:
    if status in _OVERDUE:
        return TooLargeError(
            f"this {task.kind.name} file takes more than the {task.limits.decode_s:g} seconds or the memory "
            "that reading it may take: save it smaller or as JPEG"
        )
    return NotAnImageError(
        f"the decoder of {task.kind.name} gave up over this file: it is damaged, export or download it again"
    )
