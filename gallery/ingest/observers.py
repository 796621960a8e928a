"""Lets another application work on the pictures of an import as they are decoded, not read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from gallery.jobs import JobRun
from gallery.models import Dataset, Image
from gallery.system.stage_timer import StageTimer
from gallery.types import RGB


class Follower(Protocol):
    """Follows one import, from its thread except where it says otherwise."""

    shortest_side: int  # pixels that the shorter side of a decoded picture should keep for it

    def prepare(self, rgb: RGB) -> Any:
        """Return what is to be kept of a decoded picture until it is stored; called from several threads."""
        ...

    def take(self, pictures: Sequence[tuple[Image, Any]]) -> None:
        """Take stored pictures with what was kept of them; may wait.

        An import that was killed and goes on brings pictures again that it brought before.
        """
        ...

    def finish(self) -> dict[str, Any]:
        """Wait until all that was taken is done; returns what is to be added to the job's result."""
        ...


# Returns None when it does not follow this import: the new images are then announced as they come.
Opener = Callable[[JobRun, Dataset, StageTimer], AbstractContextManager[Follower] | None]
_openers: list[Opener] = []


def register(opener: Opener) -> None:
    """Name who follows imports; one at most."""
    _openers[:] = [opener]


def following(run: JobRun, dataset: Dataset, clock: StageTimer) -> AbstractContextManager[Follower | None]:
    """Return the follower of an import, to be entered and left with it; None where nobody follows it."""
    asked = run.job.parameters.get("extract", run.job.parameters.get("announce", True))
    opened = _openers[0](run, dataset, clock) if asked and _openers else None
    return opened or nullcontext()
