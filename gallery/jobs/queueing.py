"""Queues jobs, tells the workers of them, cancels them and tries them again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django.utils import timezone

from gallery.access import audit
from gallery.jobs import broker
from gallery.jobs.errors import NotRetryableError, TooManyWaitingError
from gallery.jobs.kinds import find_type, job_type, registered
from gallery.models import Dataset, FailedFile, Job, WorkUnit
from gallery.system.measuring import measures
from gallery.system.open_datasets import CLOSED, hold_open

logger = logging.getLogger(__name__)

LISTED = 20  # so many values of a parameter are told in the audit
# jobs of a kind: each is looked at by whoever starts another, and sent again while it waits
MOST_WAITING = 1000


def enqueue(kind: str, dataset: Dataset | None, **parameters: Any) -> Job:
    """Create a job and tell the workers of it once the surrounding transaction is committed.

    Raises: UnknownKindError; DatasetClosedError; TooManyWaitingError.
    """
    require_room(kind)
    job = enqueue_for_startup(kind, dataset, **parameters)
    transaction.on_commit(partial(publish, job.pk, kind))
    return job


def require_room(kind: str) -> None:
    """Refuse a request another job of a kind that people start, while very many wait.

    Raises: UnknownKindError; TooManyWaitingError.
    """
    if not job_type(kind).audited_as or audit.request() is None:
        return
    waiting = Job.objects.filter(state=Job.State.QUEUED, kind=kind).order_by()[:MOST_WAITING]
    if waiting.count() >= MOST_WAITING:
        raise TooManyWaitingError(
            f"{MOST_WAITING:,} jobs of this kind wait: ask again when some have ended, or cancel some."
        )


def enqueue_for_startup(kind: str, dataset: Dataset | None, **parameters: Any) -> Job:
    """Create a job for the next worker that starts: nobody is told of it now.

    Raises: UnknownKindError; DatasetClosedError.
    """
    with transaction.atomic():
        if dataset is not None:
            hold_open(dataset)
        return record_start(Job.objects.create(kind=kind, dataset=dataset, parameters=parameters))


def record_start(job: Job) -> Job:
    """Enter a new job into the audit, unless another job made it; returns it. Raises: UnknownKindError."""
    action = job_type(job.kind).audited_as
    if action and not audit.is_job():
        audit.record(action, job.dataset or "", job=job.pk, parameters=_in_short(job.parameters))
    return job


def _in_short(parameters: Mapping[str, Any]) -> dict[str, object]:
    """Return the parameters of a job without long lists: of those only how much they hold."""
    return {
        name: f"{len(value)} of them" if isinstance(value, list) and len(value) > LISTED else value
        for name, value in parameters.items()
    }


def find_same(
    kind: str, dataset: Dataset, parameters: Mapping[str, object], *, states: Iterable[str] = Job.ACTIVE
) -> Job | None:
    """Return the oldest job of a dataset in one of these states that is asked for just this, or None."""
    rows = Job.objects.filter(kind=kind, dataset=dataset, state__in=states).order_by("pk")
    # compared here: databases differ in how they compare JSON
    return next((job for job in rows if job.parameters == parameters), None)


def publish(job_id: int, kind: str) -> None:
    """Send the message of a queued job; with the broker away the job waits, and says so."""
    try:
        broker.send_run(job_id, kind)
    except broker.BrokerAwayError:
        logger.info("Job %s waits for the message broker.", job_id)
        Job.objects.filter(pk=job_id, state=Job.State.QUEUED).update(
            message="Waiting for the message broker."
        )
        return
    Job.objects.filter(pk=job_id).update(dispatched_at=timezone.now(), publish_count=F("publish_count") + 1)


def ahead_of(job: Job) -> int:
    """Return how many queued jobs come before a queued one: the more urgent, then the older."""
    if job.state != Job.State.QUEUED:
        return 0
    urgency = {kind: found.priority for kind, found in registered().items()}
    own = (urgency.get(job.kind, 0), job.pk)
    queued = Job.objects.filter(state=Job.State.QUEUED).values_list("kind", "pk")
    return sum((urgency.get(kind, 0), pk) < own for kind, pk in queued.iterator())


def due_jobs(now: datetime) -> QuerySet[Job]:
    """Return the queued jobs that do not rest any more."""
    return Job.objects.filter(Q(not_before=None) | Q(not_before__lte=now), state=Job.State.QUEUED)


def cancel(job_id: int) -> bool:
    """Stop a queued or running job; returns whether there was something to stop."""
    with transaction.atomic():
        changed = Job.objects.filter(pk=job_id, state__in=Job.ACTIVE).update(
            state=Job.State.CANCELLED, finished_at=timezone.now(), message="Cancelled."
        )
        if changed:
            job = Job.objects.select_related("dataset").get(pk=job_id)
            audit.record("job.cancel", job)
    if changed:
        measures.here().job_ended(job.kind, "cancelled")
        WorkUnit.objects.filter(job=job_id).delete()
        for job in Job.objects.filter(pk=job_id):
            call_hooks(job)
    return bool(changed)


def end_with_dataset(dataset_id: int) -> None:
    """End what is queued or runs of a dataset that is being deleted, in the caller's transaction.

    A handler that is at work stops at its next step; whatever it runs into until then is no failure. What
    waits for these jobs goes with their rows.
    """
    Job.objects.filter(dataset=dataset_id, state__in=Job.ACTIVE).update(
        state=Job.State.CANCELLED, finished_at=timezone.now(), message=CLOSED
    )


def retryable(job: Job) -> bool:
    """Whether an ended job can be tried again: what a cancelled one was to work on may be gone."""
    found = find_type(job.kind)
    if found is None:
        return False
    if job.state == Job.State.FAILED:
        return not job.final and (found.source_kept is None or found.source_kept.whole(job))
    return job.state == Job.State.CANCELLED and found.cleanup is None


def retry(job_id: int) -> Job:
    """Put a job that failed for good, or was cancelled, back in the queue; what it did so far stands.

    Raises: NotRetryableError; DatasetClosedError.
    """
    job = Job.objects.get(pk=job_id)
    again = Job.objects.filter(pk=job_id, state=job.state) if retryable(job) else Job.objects.none()
    with transaction.atomic():
        if job.dataset is not None:
            hold_open(job.dataset)
        taken = again.update(
            state=Job.State.QUEUED, error="", message="Tried again.", consecutive_failures=0, max_done=0,
            done=0, result={}, not_before=None, dispatched_at=None, publish_count=0, finished_at=None,
        )  # fmt: skip
        if not taken:
            raise NotRetryableError(
                "Only a job that failed or was cancelled can be tried again, while its source is still there."
            )
        # what it cannot use it will list again
        FailedFile.objects.filter(job=job_id).delete()
        WorkUnit.objects.filter(job=job_id).delete()
        audit.record("job.retry", job)
        transaction.on_commit(partial(publish, job_id, job.kind))
    return Job.objects.get(pk=job_id)


@receiver(pre_delete, sender=Job)
def clean_up_with_its_row(instance: Job, **_: Any) -> None:
    """Remove what waits for a job that goes, perhaps with its dataset; what is gone already stays so."""
    transaction.on_commit(partial(clean_up, instance))


def call_hooks(job: Job, *, removed: bool = False) -> None:
    """Call what the kind of a job has registered for its end; nothing for one that will go on."""
    found = find_type(job.kind)
    if found is None:
        return
    if found.unfinished is not None and not removed and job.state in (Job.State.FAILED, Job.State.CANCELLED):
        found.unfinished(job)
    if removed or not (job.active or retryable(job)):
        clean_up(job)


def clean_up(job: Job) -> None:
    """Remove what waited for a job that will not be tried again."""
    found = find_type(job.kind)
    if found is not None and found.cleanup is not None:
        found.cleanup(job)
