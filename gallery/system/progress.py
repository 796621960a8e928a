"""Shows how far the work of a command is, on a terminal; the work itself says it to whoever listens.

Jobs tell of each step here. Without a listener, as in a worker, that costs a look at a variable.
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

from gallery.system.terminal import printable

if TYPE_CHECKING:
    from tqdm import tqdm

WIDEST = 100  # columns
ROWS = 20  # one is drawn
FORMAT = "{desc}: {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} [{elapsed}, {remaining} left]"
FORMAT_WITHOUT_TOTAL = "{desc} [{elapsed}]"


class Listener(Protocol):
    """Whoever is told of steps."""

    def told(self, done: int, total: int | None, message: str) -> None:
        """Take a step; `total` and `message` are None and "" where they are as before."""
        ...

    def aside(self) -> AbstractContextManager[None]:
        """Make room for other lines."""
        ...

    def close(self) -> None:
        """Learn that the work has ended."""
        ...


_listener: Listener | None = None


def tell(done: int, total: int | None = None, message: str = "") -> None:
    """Say how far work of this process is: `total` and a message where they change."""
    if _listener is not None:
        _listener.told(done, total, message)


def ended() -> None:
    """Say that a piece of work has come to its end."""
    if _listener is not None:
        _listener.close()


def aside() -> AbstractContextManager[None]:
    """Return a context within which lines may be written beside the progress."""
    return _listener.aside() if _listener is not None else nullcontext()


@contextmanager
def shown(*, wanted: bool) -> Iterator[None]:
    """Show progress on stderr while the work lasts, if it is wanted and stderr is a terminal."""
    global _listener
    if not wanted or _listener is not None or not sys.stderr.isatty():
        yield
        return
    bar = Bar()
    _listener = bar
    try:
        yield
    finally:
        _listener = None
        bar.close()


class Bar:
    """A bar on stderr that goes when its work ends; several threads may tell it of steps."""

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None
        self._lock = threading.RLock()

    def told(self, done: int, total: int | None, message: str) -> None:
        """Draw a step; a total begins a new bar, 0 stands for one that is not known."""
        with self._lock:
            if total is not None:
                self._begin(total, message)
            if self._bar is None:
                return
            if message:
                self._bar.set_description_str(printable(message), refresh=False)
            self._bar.update(done - self._bar.n)

    def _begin(self, total: int, message: str) -> None:
        from tqdm import tqdm

        self.close()
        self._bar = tqdm(
            total=total or None,
            desc=printable(message) or "Working",
            file=sys.stderr,
            bar_format=FORMAT if total else FORMAT_WITHOUT_TOTAL,
            # some terminals say that they have neither columns nor rows, and tqdm believes it
            ncols=min(shutil.get_terminal_size().columns, WIDEST),
            nrows=ROWS,
            leave=False,
        )

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away for a moment."""
        with self._lock:
            if self._bar is not None:
                self._bar.clear()
            yield
            if self._bar is not None:
                self._bar.refresh()

    def close(self) -> None:
        """Take the bar away."""
        with self._lock:
            if self._bar is not None:
                self._bar.close()
                self._bar = None
