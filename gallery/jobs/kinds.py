"""What each kind of job is: who does it, in which queue, how urgent, what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gallery.models import FailedFile, Job

if TYPE_CHECKING:
    from gallery.jobs.running import JobRun

# of the work that nobody waits for; all other has 0, which the broker hands out first
PATIENT = {Job.Kind.VERIFY: 6, Job.Kind.EXPERIMENT: 6, Job.Kind.PROJECT: 9}

# a worker takes from all queues unless it is told which; `settings.JOB_QUEUES` has them all
QUEUES = {
    Job.Kind.IMPORT: "import",
    Job.Kind.EXTRACT: "extract",
    Job.Kind.INDEX: "index",
    Job.Kind.PROMOTE: "index",
    Job.Kind.VERIFY: "index",
    Job.Kind.EXPERIMENT: "project",
    Job.Kind.PROJECT: "project",
}

Handler = Callable[["JobRun"], dict[str, Any]]
Leftovers = Callable[[Job], None]
# starts a job that tries some files of an ended job again
FilesAgain = Callable[[Job, Sequence[FailedFile]], Job]


@dataclass(frozen=True)
class Work:
    """What was registered for a kind of job."""

    handler: Handler
    leftovers: Leftovers | None = None
    helper: Callable[[Job], None] | None = None
    files_again: FilesAgain | None = None


_works: dict[str, Work] = {}


def register(
    kind: Job.Kind,
    handler: Handler,
    *,
    leftovers: Leftovers | None = None,
    helper: Callable[[Job], None] | None = None,
    files_again: FilesAgain | None = None,
) -> None:
    """Name the function that does jobs of this kind; what it returns is kept as the job's result.

    `leftovers` removes what waits for the job, once it cannot be tried again, however often it is called.
    `helper` takes shares of a job that another worker leads. `files_again` starts a job that tries single
    files again.
    """
    _works[kind] = Work(handler, leftovers, helper, files_again)


def work_of(kind: str) -> Work:
    """Return what was registered for a kind."""
    return _works[kind]


def kinds_in(queues: frozenset[str]) -> list[Job.Kind]:
    """Return the kinds of job that come through some queues."""
    return [kind for kind, queue in QUEUES.items() if queue in queues]
