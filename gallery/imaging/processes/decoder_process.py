"""A process that decodes with a limit of memory and a deadline; its argument is the number of a socket.

It knows Pillow, NumPy and this package, and of its owner only the socket. It ends when that is closed, when
nobody asks for long, and when a file takes more time than it may: by the default actions of the signals of
its timers, which no decoder can hold up.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from PIL import AvifImagePlugin, Image, ImageFile

from gallery.errors import NotAnImageError, SemsearchError, TooLargeError
from gallery.imaging import cut_jpegs, decoder
from gallery.imaging.bounds import ImageLimits
from gallery.imaging.decoder import ImageFacts
from gallery.imaging.files import formats, headers
from gallery.imaging.files.headers import Declared
from gallery.imaging.memory import Wanted, memory_needed
from gallery.imaging.messages import Head, read_bytes, receive, send
from gallery.imaging.types import RGB

IDLE_S = 30.0
NICENESS = 5  # whoever waits for a usual image comes first
WAITING_TIMES = 6.0  # a picture may take so many times its seconds where the processor is busy
# of addresses, beside what was reckoned: libraries ask for more than they use
SLACK_BYTES = 32 * 2**20
TOO_MUCH = "this image takes more memory than its size explains: export it again, or save it as JPEG"


def main() -> None:
    """Serve the socket that the first argument names."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    _prepare()
    send(connection, {"ready": True})
    while select.select([connection], [], [], IDLE_S)[0]:
        try:
            head, count = receive(connection)
            _answer(connection, head, read_bytes(connection, count))
        except (EOFError, ConnectionError):  # the owner is gone
            return


def _prepare() -> None:
    """Give up what a decoder needs not, and make threads and Pillow's own limits no matter."""
    os.nice(NICENESS)
    # libraries write what a stranger's file says to the log; what Python has to say still gets there
    sys.stderr = os.fdopen(os.dup(2), "w")
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the owner's business
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    Image.MAX_IMAGE_PIXELS = None
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def _answer(connection: socket.socket, head: Head, data: bytes) -> None:
    """Answer a request; what a file is refused for is an answer too."""
    try:
        _serve(connection, head, data)
    except (NotAnImageError, TooLargeError) as error:
        _send_error(connection, error, ends=False)
    except MemoryError:
        _send_error(connection, TooLargeError(TOO_MUCH), ends=True)
        sys.exit()  # what was half done may still hold memory


def _send_error(connection: socket.socket, error: SemsearchError, *, ends: bool) -> None:
    send(connection, {"error": error.code, "detail": error.detail[:2000], "ends": ends})


def _serve(connection: socket.socket, head: Head, data: bytes) -> None:
    """Decode a file; where only its decoder knows what that takes, say so first and wait for the word."""
    kind = next(kind for kind in formats.ALL if kind.name == head["kind"])
    limits, wanted = ImageLimits(**head["limits"]), Wanted(**head["wanted"])
    opened = None
    with ExitStack() as files:
        with _limited(head["memory"], limits.decode_s):
            declared = headers.declared(kind, data)
            if declared is None:
                declared, opened = files.enter_context(decoder.looked_into(kind, data))
            limits.check_size(declared.size)
        if opened is not None:
            send(connection, {"size": declared.size, "needed": memory_needed(declared, wanted)})
            head, _ = receive(connection)
            if head["stop"]:
                return
        with _limited(head["memory"], limits.decode_s):
            facts, rgb = _read(declared, data, opened, None if head["only_facts"] else wanted)
    body = b"" if rgb is None else rgb.data.cast("B")
    send(connection, {"facts": asdict(facts), "shape": [] if rgb is None else list(rgb.shape)}, body)


def _read(
    declared: Declared, data: bytes, opened: ImageFile.ImageFile | None, wanted: Wanted | None
) -> tuple[ImageFacts, RGB | None]:
    """Decode a file, or with `wanted` None only say what it is."""
    if wanted is None:
        known = decoder.facts(declared, data) if opened is None else decoder.facts_of(declared, opened.info)
        return known, None
    if declared.kind is formats.JPEG and (rgb := cut_jpegs.whole(declared, data, wanted)) is not None:
        return decoder.of_jpeg(declared, rgb, cut_jpegs.WITHOUT_END)
    try:
        if opened is None:
            return decoder.decoded(declared, data, wanted)
        return decoder.decoded_by_pillow(declared, opened, wanted, data)
    except NotAnImageError:
        rgb = cut_jpegs.decoded(declared, data, wanted) if declared.kind is formats.JPEG else None
        if rgb is None:
            raise
        return decoder.upright_jpeg(declared, rgb, cut_jpegs.CUT)


@contextmanager
def _limited(memory_bytes: int, seconds: float) -> Iterator[None]:
    """Let what is done inside take so much more memory and so many seconds of a processor; dies of more time.

    Raises: MemoryError, or whatever a decoder makes of memory that it does not get.
    """
    size, (_, hard) = _address_bytes(), resource.getrlimit(resource.RLIMIT_AS)
    if size:
        most = size + memory_bytes + SLACK_BYTES
        resource.setrlimit(
            resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
        )
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds * WAITING_TIMES)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _address_bytes() -> int:
    """Return how many bytes of addresses this process has, 0 where the system does not tell as Linux does."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    main()
