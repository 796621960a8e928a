"""Does jobs: claims one, beats while it works, records its progress and how it ended."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from django.db import DatabaseError, connection
from django.db.models import F, Q
from django.utils import timezone

from gallery.errors import SemsearchError
from gallery.jobs.kinds import PATIENT, work_of
from gallery.jobs.processes import new_token, process_is_gone
from gallery.jobs.queueing import remove_leftovers, retryable
from gallery.jobs.reviving import MAX_SETBACKS, delay_after
from gallery.jobs.transient_errors import will_pass
from gallery.models import Dataset, FailedFile, Image, Job, JobShare

logger = logging.getLogger(__name__)

HEARTBEAT_S = 5.0
PROGRESS_EVERY_S = 0.5

# set when this process has been told to end
_ending = threading.Event()


class JobStoppedError(Exception):
    """The job was cancelled, or another worker has taken it over."""


class JobInterruptedError(Exception):
    """The worker was told to end, or has something more urgent to do; the job goes on afterwards."""


def interrupt() -> None:
    """Let every job of this process go back to the queue at its next step."""
    _ending.set()


def ending() -> bool:
    """Whether this process has been told to end."""
    return _ending.is_set()


def claim(job_id: int) -> JobRun | None:
    """Take a queued job for this thread, or return None when it is not to be begun now."""
    token, now = new_token(), timezone.now()
    due = Q(not_before=None) | Q(not_before__lte=now)
    taken = Job.objects.filter(due, pk=job_id, state=Job.State.QUEUED).update(
        state=Job.State.RUNNING,
        worker=token,
        heartbeat_at=now,
        started_at=now,
        not_before=None,
        attempts=F("attempts") + 1,
        message="",
    )
    return JobRun(Job.objects.get(pk=job_id), token) if taken else None


def perform(job_id: int, *, gives_way: bool = False, tries_again: bool = False) -> Job | None:
    """Claim a job, do its work and record how it ended; returns None when it was not ours to do.

    A job that `gives_way` goes back to the queue, where it allows that, when more urgent work waits. One that
    `tries_again` rests there after an error that may pass.
    """
    run = None if ending() else claim(job_id)
    if run is None:
        return None
    run.gives_way = gives_way
    with beating(run):
        _do(run, tries_again=tries_again)
    ended = Job.objects.filter(pk=job_id).first()
    if ended is None or (not ended.active and not retryable(ended)):
        remove_leftovers(run.job)
    return ended


def _do(run: JobRun, *, tries_again: bool) -> None:
    try:
        result = work_of(run.job.kind).handler(run)
    except JobStoppedError:
        logger.info("Job %s was stopped.", run.job.pk)
    except JobInterruptedError as interruption:
        run.requeue(str(interruption))
    except SemsearchError as error:
        run.finish(Job.State.FAILED, error=error.detail, final=error.final)
    except Exception as error:  # the per-job boundary: whatever happens is recorded, never lost
        logger.exception("Job %s failed", run.job.pk)
        words = f"{type(error).__name__}: {error}"
        if not (tries_again and will_pass(error) and run.try_again(words)):
            run.finish(Job.State.FAILED, error=words)
    else:
        run.finish(Job.State.SUCCEEDED, result=result)


def perform_now(kind: Job.Kind, dataset: Dataset | None, **parameters: Any) -> Job:
    """Do a job in this process, as the management commands do; goes on with one whose process was killed.

    Raises: SemsearchError with the job's error when it failed.
    """
    # "announced" to ourselves: a worker that starts in this moment must not take it
    mine = {"state": Job.State.QUEUED, "dispatched_at": timezone.now()}
    job = _abandoned(kind, dataset, parameters)
    if job is None:
        job = Job.objects.create(kind=kind, dataset=dataset, parameters=parameters, **mine)
    else:
        Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, worker=job.worker).update(**mine)
    ended = perform(job.pk, gives_way=False)
    if ended is None or ended.state != Job.State.SUCCEEDED:
        raise SemsearchError(f"Job {job.pk} did not finish: {ended.error if ended else 'it was removed'}")
    return ended


def _abandoned(kind: Job.Kind, dataset: Dataset | None, parameters: dict[str, Any]) -> Job | None:
    """Return the same job, begun by a process of this host that no longer exists."""
    running = Job.objects.filter(kind=kind, dataset=dataset, state=Job.State.RUNNING).order_by("pk")
    same = (job for job in running if job.parameters == parameters and process_is_gone(job.worker))
    return next(same, None)


class Beating(Protocol):
    """Something whose life is recorded while a thread works on it."""

    def touch(self) -> None:
        """Record that it lives. Raises: JobStoppedError when it is no longer ours."""
        ...


@contextmanager
def beating(run: Beating) -> Iterator[None]:
    """Record life beside the work."""
    stop = threading.Event()
    heart = threading.Thread(target=_beat, args=(run, stop), daemon=True, name="heartbeat")
    heart.start()
    try:
        yield
    finally:
        stop.set()
        heart.join()


def _beat(run: Beating, stop: threading.Event) -> None:
    try:
        while not stop.wait(HEARTBEAT_S):
            try:
                run.touch()
            except JobStoppedError:
                pass
            except DatabaseError:
                # one missed beat does no harm; a heart that stops would have the work done twice at once
                logger.warning("A heartbeat could not be written.")
    finally:
        connection.close()


class JobRun:
    """A claimed job, as its handler sees it."""

    def __init__(self, job: Job, token: str) -> None:
        self.job = job
        self.gives_way = False
        self._mine = Job.objects.filter(pk=job.pk, worker=token, state=Job.State.RUNNING)
        self._told_at = 0.0
        self._furthest = job.furthest

    def touch(self, **changes: Any) -> None:
        """Record life and changes. Raises: JobStoppedError when the job is no longer ours."""
        if not self._mine.update(heartbeat_at=timezone.now(), **changes):
            raise JobStoppedError

    def begin(self, total: int, message: str, *, done: int = 0) -> None:
        """Say how much there is to do, and how much of it an earlier attempt has done."""
        self.touch(total=total, done=done, message=message)

    def advance(self, done: int, message: str = "") -> None:
        """Say how much is done; written at most twice a second.

        Raises: JobStoppedError, JobInterruptedError.
        """
        if _ending.is_set():
            raise JobInterruptedError("Interrupted; goes on when the worker is back.")
        if time.monotonic() - self._told_at < PROGRESS_EVERY_S:
            return
        self._told_at = time.monotonic()
        self.record(done, **({"message": message} if message else {}))

    def record(self, done: int, **changes: Any) -> None:
        """Write how much is done now. Raises: JobStoppedError."""
        if done > self._furthest:
            # further than any attempt before: what set it back is behind it
            self._furthest = done
            changes |= {"furthest": done, "setbacks": 0}
        self.touch(done=done, **changes)

    def give_way(self) -> None:
        """Let work go first that somebody waits for; called where little is lost by stopping.

        Raises: JobInterruptedError.
        """
        if self.gives_way and Job.objects.filter(state=Job.State.QUEUED).exclude(kind__in=PATIENT).exists():
            raise JobInterruptedError("Lets more urgent work go first.")

    def fail_file(self, name: str, error: SemsearchError, image: Image | None = None) -> None:
        """List a file that could not be used; a second time for the same file changes nothing."""
        list_failed(self.job, name, error, image)

    def requeue(self, why: str) -> None:
        """Give the job back: an end that was asked for is no failed attempt."""
        self._mine.update(
            state=Job.State.QUEUED,
            attempts=F("attempts") - 1,
            dispatched_at=None,
            announcements=0,
            message=why,
        )

    def try_again(self, error: str) -> bool:
        """Let the job rest before another attempt; returns False when there were enough."""
        setbacks = (self._mine.values_list("setbacks", flat=True).first() or 0) + 1
        if setbacks >= MAX_SETBACKS:
            return False
        rests = delay_after(setbacks)
        return bool(
            self._mine.update(
                state=Job.State.QUEUED,
                setbacks=setbacks,
                not_before=timezone.now() + rests,
                dispatched_at=None,
                announcements=0,
                message=f"Tries again after {rests.total_seconds():.0f} s: {error}"[:500],
            )
        )

    def finish(
        self, state: Job.State, *, result: dict[str, Any] | None = None, error: str = "", final: bool = False
    ) -> None:
        """Record the end, unless the job was taken away meanwhile."""
        fields: dict[str, Any] = {
            "state": state,
            "finished_at": timezone.now(),
            "error": error,
            "final": final,
            "message": "",
        }
        if result is not None:
            fields["result"] = result
            fields["done"] = F("total")
        if self._mine.update(**fields):
            JobShare.objects.filter(job=self.job).delete()


def list_failed(job: Job, name: str, error: SemsearchError, image: Image | None = None) -> None:
    """List a file that a job could not use; a second time for the same file changes nothing."""
    FailedFile.objects.get_or_create(
        job=job,
        name=name[:500],
        code=error.code,
        defaults={"reason": error.detail, "image": image},
    )
