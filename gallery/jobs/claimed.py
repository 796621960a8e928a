"""A job that a thread has claimed: how it got on, which files it could not use, and how it ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from gallery.errors import SemsearchError
from gallery.jobs.errors import JobInterruptedError, JobStoppedError
from gallery.jobs.heartbeat import PROGRESS_EVERY_S, stop_when_ending
from gallery.jobs.kinds import job_type, patient_kinds
from gallery.jobs.processes import new_token
from gallery.jobs.queueing import due_jobs
from gallery.jobs.reviving import MAX_FAILURES, delay_after
from gallery.models import FailedFile, Image, Job, WorkUnit
from gallery.public_text import with_details
from gallery.system import progress
from gallery.system.concurrency.held_rows import held
from gallery.system.home import disk_space
from gallery.system.measuring import measures
from gallery.system.open_datasets import hold_open

logger = logging.getLogger(__name__)

LOGGED_CHARACTERS = 300  # of an error, of which the job's page has all


class ClaimedJob:
    """The `JobRun` of a handler, and what is done with the job around the handler."""

    def __init__(self, job: Job, token: str) -> None:
        self.job = job
        self.gives_way = False
        self.by_the_way = False  # done within something else, so not worth a line of the log
        self._mine = Job.objects.filter(pk=job.pk, worker=token, state=Job.State.RUNNING)
        self._told_at = 0.0
        self._max_done = job.max_done

    def touch(self, **changes: Any) -> None:
        """Record life and changes. Raises: JobStoppedError when the job is no longer ours."""
        if not self._mine.update(heartbeat_at=timezone.now(), **changes):
            raise JobStoppedError

    def begin(self, total: int, message: str, *, done: int = 0) -> None:
        """Say how much there is to do, and how much of it an earlier attempt has done."""
        self.touch(total=total, done=done, message=message)
        progress.tell(done, total, message)

    def advance(self, done: int, message: str = "") -> None:
        """Say how much is done; written at most twice a second.

        Raises: JobStoppedError, JobInterruptedError.
        """
        stop_when_ending()
        rest_while_disk_is_full(self.job.kind)
        progress.tell(done, message=message)
        if time.monotonic() - self._told_at < PROGRESS_EVERY_S:
            return
        self._told_at = time.monotonic()
        self.record(done, **({"message": message} if message else {}))

    def record(self, done: int, **changes: Any) -> None:
        """Write how much is done now. Raises: JobStoppedError."""
        if done > self._max_done:
            # further than any attempt before: what set it back is behind it
            self._max_done = done
            changes |= {"max_done": done, "consecutive_failures": 0}
        self.touch(done=done, **changes)

    def give_way(self) -> None:
        """Let work go first that somebody waits for; called where little is lost by stopping.

        Raises: JobInterruptedError.
        """
        if self.gives_way and due_jobs(timezone.now()).exclude(kind__in=patient_kinds()).exists():
            raise JobInterruptedError("Lets more urgent work go first.")

    def fail_file(self, name: str, error: SemsearchError, image: Image | None = None) -> bool:
        """List a file that could not be used, as `list_failed`."""
        return list_failed(self.job, name, error, image)

    def is_ours(self) -> bool:
        """Whether the job is still to be done, by us."""
        return self._mine.exists()

    def requeue(self, why: str) -> bool:
        """Give the job back: an end that was asked for is no failed attempt.

        Returns False when the job was taken away meanwhile.
        """
        return bool(
            self._mine.update(
                state=Job.State.QUEUED,
                attempts=F("attempts") - 1,
                dispatched_at=None,
                publish_count=0,
                message=why[:500],
            )
        )

    def try_again(self, error: str) -> bool:
        """Let the job rest before another attempt; returns False when there were enough."""
        failures = (self._mine.values_list("consecutive_failures", flat=True).first() or 0) + 1
        if failures >= MAX_FAILURES:
            return False
        rests = delay_after(failures)
        rests_now = bool(
            self._mine.update(
                state=Job.State.QUEUED,
                consecutive_failures=failures,
                not_before=timezone.now() + rests,
                dispatched_at=None,
                publish_count=0,
                message=f"Tries again after {rests.total_seconds():.0f} s: {error}"[:500],
            )
        )
        if rests_now:
            measures.here().job_ended(self.job.kind, "retried")
        return rests_now

    def finish(
        self,
        state: Job.State,
        *,
        result: Mapping[str, object] | None = None,
        error: str = "",
        code: str = "error",
        final: bool = False,
    ) -> None:
        """Record the end, unless the job was taken away meanwhile; `code` says of a failure which it was."""
        progress.ended()
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
            WorkUnit.objects.filter(job=self.job).delete()
            self._tell(fields, code)

    def _tell(self, ended: dict[str, Any], code: str) -> None:
        """Say how the job ended, in one line of the log and in the metrics."""
        state, at = ended["state"], ended["finished_at"]
        spent = (at - (self.job.started_at or at)).total_seconds()
        measures.here().job_ended(self.job.kind, state.value, spent)
        level = logging.DEBUG if self.by_the_way else logging.INFO
        words = f"Job {self.job.pk} ({self.job.kind}) {state.value} after {spent:.1f} s"
        if state == Job.State.FAILED:
            measures.here().failed("job", code)
            level, words = logging.WARNING, f"{words}: {ended['error'][:LOGGED_CHARACTERS]}"
        logger.log(level, "%s", words)


def rest_while_disk_is_full(kind: str) -> None:
    """Raises: JobInterruptedError where there is no space for what a kind of job stores."""
    if job_type(kind).needs_space and disk_space.is_low():
        raise JobInterruptedError(disk_space.RESTS)


def claim(job_id: int) -> ClaimedJob | None:
    """Take a queued job for this thread, or return None when it is not to be begun now."""
    token, now = new_token(), timezone.now()
    taken = (
        due_jobs(now)
        .filter(pk=job_id)
        .update(
            state=Job.State.RUNNING,
            worker=token,
            heartbeat_at=now,
            started_at=now,
            not_before=None,
            attempts=F("attempts") + 1,
            message="",
        )
    )
    return ClaimedJob(Job.objects.get(pk=job_id), token) if taken else None


def create_claimed(job: Job) -> ClaimedJob:
    """Store a new job as one that this thread has claimed already. Raises: DatasetClosedError."""
    job.state, job.worker, job.attempts = Job.State.RUNNING, new_token(), 1
    job.started_at = job.heartbeat_at = timezone.now()
    with transaction.atomic():
        if job.dataset is not None:
            hold_open(job.dataset)
        job.save(force_insert=True)
    run = ClaimedJob(job, job.worker)
    run.by_the_way = True
    return run


def list_failed(job: Job, name: str, error: SemsearchError, image: Image | None = None) -> bool:
    """List a file that a job could not use; a second time for the same file changes nothing.

    Returns False, and lists nothing, where the image is gone: it was deleted meanwhile, and is no failure.
    Raises: JobStoppedError where the job itself is gone, with its dataset.
    """
    with transaction.atomic():
        if not held(Job.objects.filter(pk=job.pk)):
            raise JobStoppedError
        if image is not None and not held(Image.objects.filter(pk=image.pk)):
            return False
        _, is_new = FailedFile.objects.get_or_create(
            job=job,
            name=name[:500],
            code=error.code,
            defaults={"reason": with_details(error.detail, error.inner), "image": image},
        )
    if is_new:
        measures.here().failed("file", error.code)
    return True
