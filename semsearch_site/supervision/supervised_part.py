"""A part of the site that the supervisor watches: how it died, how often, and when it is started anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import IO

from semsearch_site import logs
from semsearch_site.supervision.child_processes import kill_group, start_child

# So many deaths within this time, and starting it once more would only hide what is wrong.
MOST_DEATHS, WITHIN_S = 5, 60.0
# The first death may be an accident: the next start comes at once. Each later pause is four times as long.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 10.0
KEPT_LINES = 3
KEPT_CHARACTERS = 300


class Part:
    """A child process, started again and again.

    `due` is when it is started anew, in seconds of the monotonic clock; None while it runs.
    """

    child: subprocess.Popen[bytes]

    def __init__(self, name: str, command: list[str], without: bytes = b"") -> None:
        self.name = name
        self.due: float | None = None
        self._command, self._without = command, without
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS)
        self._said: deque[str] = deque(maxlen=KEPT_LINES)
        self._reader: threading.Thread | None = None

    def start(self, lock: int) -> None:
        """Start it; it inherits the descriptor of a lock."""
        self.due = None
        self._said.clear()
        self.child = start_child(
            self._command, pass_fds=(lock,), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self.child.stdout is not None
        self._reader = threading.Thread(target=self._pass_on, args=(self.child.stdout,), daemon=True)
        self._reader.start()

    def runs(self) -> bool:
        """Whether it runs now."""
        return self.child.poll() is None

    def buried(self, now: float) -> None:
        """Note a death, end what the dead process left behind, and say when it is started anew."""
        self.end()
        self._deaths.append(now)
        lately = sum(now - death < WITHIN_S for death in self._deaths)
        self.due = now + min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 4.0 ** (lately - 1))

    @property
    def hopeless(self) -> bool:
        """Whether it died too often to be started once more."""
        return len(self._deaths) == MOST_DEATHS and self._deaths[-1] - self._deaths[0] < WITHIN_S

    def obituary(self) -> str:
        """Return in a sentence how it died, and what comes of it."""
        status = self.child.returncode
        died = f"was killed by {_signal_name(-status)}" if status < 0 else f"ended with status {status}"
        last = f" It said last: {' / '.join(self._said)}" if self._said else ""
        if not self.hopeless:
            return f"The {self.name} {died}; it is started again.{last}"
        hint = (
            "see whether the machine has enough memory (`dmesg` tells whom the system killed)"
            if status == -signal.SIGKILL
            else "mend what it says"
        )
        return (
            f"The {self.name} {died}, the {MOST_DEATHS}th time within a minute, so semsearch stops: "
            f"{hint}, then start it again.{last}"
        )

    def end(self) -> None:
        """Kill it, with whatever it started, and read the last of what it said."""
        kill_group(self.child)
        if self._reader is not None:
            self._reader.join(1.0)

    def _pass_on(self, lines: IO[bytes]) -> None:
        """Write what it says to our stderr, but for the lines that are left out, and keep the last ones."""
        with lines:
            for line in lines:
                if self._without and self._without in line:
                    continue
                if text := line.decode(errors="replace").strip():
                    self._said.append(text[-KEPT_CHARACTERS:])
                # a log on a full disk must not stop who writes to it
                with suppress(OSError):
                    os.write(sys.stderr.fileno(), logs.passed_on(self.name, line))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
