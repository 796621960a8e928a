"""What each kind of job is: who does it, in which queue, how urgent, what it leaves behind.

An application makes a kind known with one call of `register`, when Django starts; nothing else has a list of
kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from gallery import job_labels
from gallery.errors import SemsearchError
from gallery.models import FailedFile, Image, Job

# the gallery's own kinds; `search.job_kinds` has those of search
IMPORT: Final = "import"
REMOVE: Final = "remove"


class JobRun(Protocol):
    """A claimed job, as its handler sees it."""

    job: Job
    gives_way: bool

    def touch(self, **changes: Any) -> None:
        """Record life and changes. Raises: JobStoppedError when the job is no longer ours."""
        ...

    def begin(self, total: int, message: str, *, done: int = 0) -> None:
        """Say how much there is to do, and how much of it an earlier attempt has done."""
        ...

    def advance(self, done: int, message: str = "") -> None:
        """Say how much is done; written at most twice a second.

        Raises: JobStoppedError, JobInterruptedError.
        """
        ...

    def record(self, done: int, **changes: Any) -> None:
        """Write how much is done now. Raises: JobStoppedError."""
        ...

    def give_way(self) -> None:
        """Let work go first that somebody waits for; called where little is lost by stopping.

        Raises: JobInterruptedError.
        """
        ...

    def fail_file(self, name: str, error: SemsearchError, image: Image | None = None) -> bool:
        """List a file that could not be used; a second time for the same file changes nothing.

        Returns False, and lists nothing, where the image is gone: that was deleted, and is no failure.
        Raises: JobStoppedError.
        """
        ...


Handler = Callable[[JobRun], Mapping[str, object]]
OfJob = Callable[[Job], None]
# starts a job that tries some files of an ended job again
RetryFiles = Callable[[Job, Sequence[FailedFile]], Job]


class SourceKept(NamedTuple):
    """Asks whether the source of an ended job is still there: in whole, and for single files of it."""

    whole: Callable[[Job], bool]
    single_files: Callable[[Job], bool]


@dataclass(frozen=True)
class JobType:
    """What was registered for a kind of job."""

    handler: Handler
    queue: str
    priority: int
    helper: OfJob | None = None
    unfinished: OfJob | None = None
    cleanup: OfJob | None = None
    retry_files: RetryFiles | None = None
    source_kept: SourceKept | None = None
    audited_as: str = ""
    needs_space: bool = True
    result: type | None = None


class UnknownKindError(LookupError):
    """No application has registered this kind of job."""


_types: dict[str, JobType] = {}


def register(
    kind: str,
    handler: Handler,
    *,
    label: str,
    queue: str,
    about: str = "",
    priority: int = 0,
    helper: OfJob | None = None,
    unfinished: OfJob | None = None,
    cleanup: OfJob | None = None,
    retry_files: RetryFiles | None = None,
    source_kept: SourceKept | None = None,
    audited_as: str = "",
    needs_space: bool = True,
    result: type | None = None,
) -> None:
    """Make a kind of job known.

    Args:
        handler: does a job; what it returns is kept as the job's result.
        label: the name of the kind for people.
        about: what it does, step by step, in a sentence for people.
        queue: where its messages go; a worker may take from some only, `settings.JOB_QUEUES` has them all.
        priority: 0 where somebody waits for the work, greater where nobody does; the smallest comes first.
        helper: takes work units of a job that another worker coordinates.
        unfinished: is told of each job that failed or was cancelled, to have others go on where it stopped.
        cleanup: removes what waits for a job, once it cannot be tried again. As `unfinished`, it may be
            called more than once for a job.
        retry_files: starts a job that tries single files of an ended job again.
        source_kept: whether what a job works on is still there, and whether it can be asked for single
            files; without it, both are.
        audited_as: the action of the audit's entry when somebody starts one; none for what only follows from
            other changes.
        needs_space: whether it waits while the disk is nearly full; false for work that only removes.
        result: the `TypedDict` of what the handler returns, for the description of the REST interface. The
            same key means the same in all of them; seconds by stage need not be named.
    """
    _types[kind] = JobType(
        handler,
        queue,
        priority,
        helper,
        unfinished,
        cleanup,
        retry_files,
        source_kept,
        audited_as,
        needs_space,
        result,
    )
    job_labels.set_label(kind, label)
    job_labels.set_about(kind, about)


def job_type(kind: str) -> JobType:
    """Return what was registered for a kind. Raises: UnknownKindError."""
    try:
        return _types[kind]
    except KeyError:
        raise UnknownKindError(f"There is no kind of job {kind!r}; there are {', '.join(_types)}.") from None


def find_type(kind: str) -> JobType | None:
    """Return what was registered for the kind of a stored job, None for one that is not known here."""
    return _types.get(kind)


def registered() -> dict[str, JobType]:
    """Return every kind with what was registered for it."""
    return dict(_types)


def kinds_that_need_space() -> list[str]:
    """Return the kinds of job that wait while the disk is nearly full."""
    return [kind for kind, found in _types.items() if found.needs_space]


def patient_kinds() -> list[str]:
    """Return the kinds of job that nobody waits for."""
    return [kind for kind, found in _types.items() if found.priority > 0]


def urgent_kinds(queues: frozenset[str]) -> list[str]:
    """Return the kinds of job that somebody waits for and that come through some queues."""
    return [kind for kind, found in _types.items() if found.priority == 0 and found.queue in queues]
