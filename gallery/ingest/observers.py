"""Lets another application work on images as they are decoded on their way in, not read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from gallery.imaging.types import RGB
from gallery.jobs import JobRun
from gallery.models import Dataset, Image, Job
from gallery.system.measuring.stage_timer import StageTimer


class ImageObserver(Protocol):
    """Sees each decoded image before it is stored."""

    shortest_side: int  # pixels that the shorter side of a decoded image should keep for it

    def prepare(self, rgb: RGB) -> Any:
        """Return what is to be kept of a decoded image until it is stored; called from several threads."""
        ...


class ImportObserver(ImageObserver, Protocol):
    """Observes one import, from its thread except where it says otherwise."""

    def take(self, images: Sequence[tuple[Image, Any]]) -> None:
        """Take stored images with what was prepared of them; may wait.

        An import that was killed and goes on brings images again that it brought before.
        """
        ...

    def finish(self) -> Mapping[str, object]:
        """Wait until all that was taken is done; returns what is to be added to the job's result."""
        ...


class SingleImageObserver(ImageObserver, Protocol):
    """Observes the addition of one image."""

    def take(self, image: Image, payload: Any) -> Job:
        """Take the stored image with what was prepared of it; returns the job that does, or did, the work."""
        ...


# Either returns None when it does not observe this: the new images are then announced.
OpenImport = Callable[[JobRun, Dataset, StageTimer], AbstractContextManager[ImportObserver] | None]
OpenSingle = Callable[[Dataset], SingleImageObserver | None]


@dataclass(frozen=True)
class Observers:
    """Who observes what comes in."""

    imports: OpenImport
    single: OpenSingle


_registered: list[Observers] = []


def register(observers: Observers) -> None:
    """Name who observes what comes in; one at most."""
    _registered[:] = [observers]


def observe_import(
    run: JobRun, dataset: Dataset, clock: StageTimer
) -> AbstractContextManager[ImportObserver | None]:
    """Return the observer of an import, to be entered and left with it; None where nobody observes it."""
    asked = run.job.parameters.get("extract", run.job.parameters.get("announce", True))
    opened = _registered[0].imports(run, dataset, clock) if asked and _registered else None
    return opened or nullcontext()


def observe_single(dataset: Dataset) -> SingleImageObserver | None:
    """Return the observer of one image that is being added to a dataset, or None where nobody observes it."""
    return _registered[0].single(dataset) if _registered else None
