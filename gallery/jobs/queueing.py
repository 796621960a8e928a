"""Queues jobs, announces them to the workers, cancels them and tries them again."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django.utils import timezone

from gallery.errors import SemsearchError
from gallery.jobs.kinds import PATIENT, QUEUES, work_of
from gallery.models import Dataset, FailedFile, Job, JobShare

logger = logging.getLogger(__name__)


class NotRetryableError(SemsearchError):
    """A job or file cannot be tried again."""

    code = "not_retryable"
    status = 409


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

    of = Job.Kind(kind)
    try:
        run_job.apply_async((job_id,), queue=QUEUES[of], priority=PATIENT.get(of, 0))
    except run_job.OperationalError:
        logger.warning("The broker does not answer; job %s waits for it.", job_id)
        Job.objects.filter(pk=job_id, state=Job.State.QUEUED).update(
            message="Waiting for the message broker."
        )
        return
    Job.objects.filter(pk=job_id).update(dispatched_at=timezone.now(), announcements=F("announcements") + 1)


def cancel(job_id: int) -> bool:
    """Stop a queued or running job; returns whether there was something to stop."""
    changed = Job.objects.filter(pk=job_id, state__in=Job.ACTIVE).update(
        state=Job.State.CANCELLED, finished_at=timezone.now(), message="Cancelled."
    )
    if changed:
        JobShare.objects.filter(job=job_id).delete()
        remove_leftovers(*Job.objects.filter(pk=job_id))
    return bool(changed)


def retryable(job: Job) -> bool:
    """Whether an ended job can be tried again: what a cancelled one was to work on may be gone."""
    if job.state == Job.State.FAILED:
        return not job.final
    return job.state == Job.State.CANCELLED and work_of(job.kind).leftovers is None


def retry(job_id: int) -> Job:
    """Put a job that failed for good, or was cancelled, back in the queue; what it did so far stands.

    Raises: NotRetryableError.
    """
    job = Job.objects.get(pk=job_id)
    again = Job.objects.filter(pk=job_id, state=job.state) if retryable(job) else Job.objects.none()
    with transaction.atomic():
        taken = again.update(
            state=Job.State.QUEUED, error="", message="Tried again.", setbacks=0, furthest=0, done=0,
            not_before=None, dispatched_at=None, announcements=0, finished_at=None,
        )  # fmt: skip
        if not taken:
            raise NotRetryableError(
                "Only a job that failed can be tried again, or a cancelled one whose source is still there."
            )
        # what it cannot use it will list again
        FailedFile.objects.filter(job=job_id).delete()
        JobShare.objects.filter(job=job_id).delete()
        transaction.on_commit(partial(announce, job_id, job.kind))
    return Job.objects.get(pk=job_id)


@receiver(pre_delete, sender=Job)
def drop_leftovers(instance: Job, **_: Any) -> None:
    """Remove what waits for a job that goes with its dataset."""
    if instance.active or retryable(instance):
        transaction.on_commit(partial(remove_leftovers, instance))


def remove_leftovers(*ended: Job) -> None:
    """Remove what waited for jobs that will not be tried again."""
    for job in ended:
        if (remove := work_of(job.kind).leftovers) is not None:
            remove(job)
