"""Runs long work as `Job` rows: queue, claim, progress, heartbeat, end, and revival after a crash."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django.utils import timezone

from gallery.errors import SemsearchError
from gallery.models import Dataset, FailedFile, Image, Job

logger = logging.getLogger(__name__)

HEARTBEAT_S = 5.0
# six missed heartbeats: the worker is gone, not busy
STALE_AFTER = timedelta(seconds=30)
# a queued job whose message was lost is announced again after this time
REANNOUNCE_AFTER = timedelta(seconds=60)
PROGRESS_EVERY_S = 0.5
MAX_ATTEMPTS = 5
# of the work that nobody waits for; all other has 0, which the broker hands out first
PATIENT = {Job.Kind.EXPERIMENT: 6, Job.Kind.PROJECT: 9}

Handler = Callable[["JobRun"], dict[str, Any]]
Leftovers = Callable[[Job], None]
_handlers: dict[str, Handler] = {}
_leftovers: dict[str, Leftovers] = {}

# set when this process has been told to end
_ending = threading.Event()


class JobStoppedError(Exception):
    """The job was cancelled, or another worker has taken it over."""


class JobInterruptedError(Exception):
    """The worker was told to end, or has something more urgent to do; the job goes on afterwards."""


def interrupt() -> None:
    """Let every job of this process go back to the queue at its next step."""
    _ending.set()


def register(kind: Job.Kind, handler: Handler, leftovers: Leftovers | None = None) -> None:
    """Name the function that does jobs of this kind; what it returns is kept as the job's result.

    `leftovers` removes what waits for the job, once it has ended for good, however often it is called.
    """
    _handlers[kind] = handler
    if leftovers is not None:
        _leftovers[kind] = leftovers


def enqueue(kind: Job.Kind, dataset: Dataset | None, **parameters: Any) -> Job:
    """Create a job and announce it to the workers once the surrounding transaction is committed."""
    job = Job.objects.create(kind=kind, dataset=dataset, parameters=parameters)
    transaction.on_commit(lambda: announce(job.pk, kind))
    return job


def leave(kind: Job.Kind, dataset: Dataset | None, **parameters: Any) -> Job:
    """Create a job for the next worker that starts: nobody is told of it now."""
    return Job.objects.create(kind=kind, dataset=dataset, parameters=parameters)


def announce(job_id: int, kind: str) -> None:
    """Send the Celery message of a queued job; with the broker away the job waits, and says so."""
    from gallery.tasks import run_job

    try:
        run_job.apply_async((job_id,), priority=PATIENT.get(Job.Kind(kind), 0))
    except run_job.OperationalError:
        logger.warning("The broker does not answer; job %s waits for it.", job_id)
        Job.objects.filter(pk=job_id, state=Job.State.QUEUED).update(
            message="Waiting for the message broker."
        )
        return
    Job.objects.filter(pk=job_id).update(dispatched_at=timezone.now())


def cancel(job_id: int) -> bool:
    """Stop a queued or running job; returns whether there was something to stop."""
    changed = Job.objects.filter(pk=job_id, state__in=Job.ACTIVE).update(
        state=Job.State.CANCELLED, finished_at=timezone.now(), message="Cancelled."
    )
    if changed:
        _remove_leftovers(*Job.objects.filter(pk=job_id))
    return bool(changed)


@receiver(pre_delete, sender=Job)
def drop_leftovers(instance: Job, **_: Any) -> None:
    """Remove what waits for a job that goes with its dataset before it has ended."""
    if instance.active:
        transaction.on_commit(partial(_remove_leftovers, instance))


def _remove_leftovers(*ended: Job) -> None:
    for job in ended:
        if job.kind in _leftovers:
            _leftovers[job.kind](job)


def claim(job_id: int) -> JobRun | None:
    """Take a queued job for this thread, or return None when someone else has it or it has ended."""
    token = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
    now = timezone.now()
    taken = Job.objects.filter(pk=job_id, state=Job.State.QUEUED).update(
        state=Job.State.RUNNING,
        worker=token,
        heartbeat_at=now,
        started_at=now,
        attempts=F("attempts") + 1,
        message="",
    )
    return JobRun(Job.objects.get(pk=job_id), token) if taken else None


def perform(job_id: int, *, gives_way: bool = False) -> Job | None:
    """Claim a job, do its work and record how it ended; returns None when it was not ours to do.

    A job that `gives_way` goes back to the queue, where it allows that, when more urgent work waits.
    """
    run = None if _ending.is_set() else claim(job_id)
    if run is None:
        return None
    run.gives_way = gives_way
    beating = threading.Event()
    heart = threading.Thread(target=_beat, args=(run, beating), daemon=True, name=f"heartbeat-{job_id}")
    heart.start()
    try:
        result = _handlers[run.job.kind](run)
    except JobStoppedError:
        logger.info("Job %s was stopped.", job_id)
    except JobInterruptedError as interruption:
        run.requeue(str(interruption))
    except SemsearchError as error:
        run.finish(Job.State.FAILED, error=error.detail)
    except Exception as error:  # the per-job boundary: whatever happens is recorded, never lost
        logger.exception("Job %s failed", job_id)
        run.finish(Job.State.FAILED, error=f"{type(error).__name__}: {error}")
    else:
        run.finish(Job.State.SUCCEEDED, result=result)
    finally:
        beating.set()
        heart.join()
    ended = Job.objects.filter(pk=job_id).first()
    if ended is None or not ended.active:
        _remove_leftovers(run.job)
    return ended


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


def sweep(*, at_start: bool = False) -> int:
    """Put jobs of dead workers back in the queue and announce forgotten ones; returns how many.

    `at_start` is set when a worker begins: jobs of processes of this host that no longer
    exist are revived at once, without waiting for their heartbeat to grow stale.
    """
    now = timezone.now()
    dead = Q(heartbeat_at__lt=now - STALE_AFTER)
    running = Job.objects.filter(state=Job.State.RUNNING)
    orphans = set(running.filter(dead).values_list("pk", "worker"))
    if at_start:
        orphans |= {
            (pk, worker) for pk, worker in running.values_list("pk", "worker") if _process_is_gone(worker)
        }
    for pk, worker in orphans:
        _revive(pk, worker)
    forgotten = Job.objects.filter(state=Job.State.QUEUED).filter(
        Q(dispatched_at__isnull=True) | Q(dispatched_at__lt=now - REANNOUNCE_AFTER)
    )
    if not at_start:
        # a job just created announces itself; only one that failed to is ours
        forgotten = forgotten.filter(created_at__lt=now - timedelta(seconds=5))
    # the oldest first: what was left in an order is done in it
    waiting = list(forgotten.order_by("pk").values_list("pk", "kind"))
    for pk, kind in waiting:
        announce(pk, kind)
    return len(waiting)


def _revive(pk: int, worker: str) -> None:
    mine = Job.objects.filter(pk=pk, state=Job.State.RUNNING, worker=worker)
    exhausted = mine.filter(attempts__gte=MAX_ATTEMPTS)
    if exhausted.update(
        state=Job.State.FAILED,
        finished_at=timezone.now(),
        error=f"Its worker died {MAX_ATTEMPTS} times; look at the worker's log, then start it again.",
    ):
        _remove_leftovers(*Job.objects.filter(pk=pk))
        return
    mine.update(state=Job.State.QUEUED, dispatched_at=None, message="Its worker died; starting again.")


def _abandoned(kind: Job.Kind, dataset: Dataset | None, parameters: dict[str, Any]) -> Job | None:
    """Return the same job, begun by a process of this host that no longer exists."""
    running = Job.objects.filter(kind=kind, dataset=dataset, state=Job.State.RUNNING).order_by("pk")
    same = (job for job in running if job.parameters == parameters and _process_is_gone(job.worker))
    return next(same, None)


def _process_is_gone(worker: str) -> bool:
    host, _, rest = worker.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _beat(run: JobRun, stop: threading.Event) -> None:
    try:
        while not stop.wait(HEARTBEAT_S):
            try:
                run.touch()
            except JobStoppedError:
                pass
            except DatabaseError:
                # one missed beat does no harm; a heart that stops would have the job done twice at once
                logger.warning("The heartbeat of job %s could not be written.", run.job.pk)
    finally:
        connection.close()


class JobRun:
    """A claimed job, as its handler sees it."""

    def __init__(self, job: Job, token: str) -> None:
        self.job = job
        self.gives_way = False
        self._mine = Job.objects.filter(pk=job.pk, worker=token, state=Job.State.RUNNING)
        self._told_at = 0.0

    def touch(self, **changes: Any) -> None:
        """Record life and changes. Raises: JobStoppedError when the job is no longer ours."""
        if not self._mine.update(heartbeat_at=timezone.now(), **changes):
            raise JobStoppedError

    def begin(self, total: int, message: str) -> None:
        """Say how much there is to do."""
        self.touch(total=total, done=0, message=message)

    def advance(self, done: int, message: str = "") -> None:
        """Say how much is done; written at most twice a second.

        Raises: JobStoppedError, JobInterruptedError.
        """
        if _ending.is_set():
            raise JobInterruptedError("Interrupted; goes on when the worker is back.")
        if time.monotonic() - self._told_at < PROGRESS_EVERY_S:
            return
        self._told_at = time.monotonic()
        self.touch(done=done, **({"message": message} if message else {}))

    def give_way(self) -> None:
        """Let work go first that somebody waits for; called where little is lost by stopping.

        Raises: JobInterruptedError.
        """
        if self.gives_way and Job.objects.filter(state=Job.State.QUEUED).exclude(kind__in=PATIENT).exists():
            raise JobInterruptedError("Lets more urgent work go first.")

    def fail_file(self, name: str, error: SemsearchError, image: Image | None = None) -> None:
        """List a file that could not be used; a second time for the same file changes nothing."""
        FailedFile.objects.get_or_create(
            job=self.job,
            name=name[:500],
            code=error.code,
            defaults={"reason": error.detail, "image": image},
        )

    def requeue(self, why: str) -> None:
        """Give the job back: an end that was asked for is no failed attempt."""
        self._mine.update(
            state=Job.State.QUEUED,
            attempts=F("attempts") - 1,
            dispatched_at=None,
            message=why,
        )

    def finish(self, state: Job.State, *, result: dict[str, Any] | None = None, error: str = "") -> None:
        """Record the end, unless the job was taken away meanwhile."""
        fields: dict[str, Any] = {
            "state": state,
            "finished_at": timezone.now(),
            "error": error,
            "message": "",
        }
        if result is not None:
            fields["result"] = result
            fields["done"] = F("total")
        self._mine.update(**fields)
