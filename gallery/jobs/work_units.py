"""The work units of a job: ranges of ids that any number of workers claim, wherever they run.

Nobody plans ahead: each worker claims the next range behind the last one by inserting its row, and what a
dead worker held by changing the row on the condition that nobody else did. `gallery.jobs.coordination` has
the loops of who does a job and of who assists.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from gallery.errors import SemsearchError
from gallery.jobs.claimed import list_failed, rest_while_disk_is_full
from gallery.jobs.errors import JobInterruptedError, JobStoppedError
from gallery.jobs.heartbeat import PROGRESS_EVERY_S, beating, ending, stop_when_ending
from gallery.jobs.processes import new_token, process_is_gone
from gallery.jobs.reviving import MAX_FAILURES, STALE_AFTER
from gallery.models import Image, Job, WorkUnit
from gallery.system import outages

logger = logging.getLogger(__name__)


class PoisonUnitError(SemsearchError):
    """Every worker that claimed a work unit died of it."""

    code = "poison_unit"
    status = 500


@dataclass(frozen=True)
class Range:
    """The next ids to work on: up to `last_id`, with `total` things to do among them."""

    last_id: int
    total: int


# the range behind an id, or None when nothing is left there
NextRange = Callable[[int], Range | None]


@dataclass(frozen=True)
class Totals:
    """What the work units of a job have come to: `held` of them are claimed or wait to be claimed again.

    `total` is how much there was to do in them when each was claimed.
    """

    done: int = 0
    failed: int = 0
    held: int = 0
    total: int = field(default=0, compare=False)


class UnitRun:
    """A work unit that this thread has claimed, as the code that works on it sees it."""

    def __init__(self, job: Job, unit: WorkUnit) -> None:
        self.job = job
        self.unit = unit
        self._mine = WorkUnit.objects.filter(pk=unit.pk, worker=unit.worker, state=WorkUnit.State.RUNNING)
        self._told_at = 0.0

    def touch(self, **changes: Any) -> None:
        """Record life and changes. Raises: JobStoppedError when the unit is no longer ours."""
        if not self._mine.update(heartbeat_at=timezone.now(), **changes):
            raise JobStoppedError

    def advance(self, done: int, failed: int) -> None:
        """Say how much is done, failures not counted; written at most twice a second.

        Raises: JobStoppedError, JobInterruptedError.
        """
        stop_when_ending()
        rest_while_disk_is_full(self.job.kind)
        if time.monotonic() - self._told_at < PROGRESS_EVERY_S:
            return
        self._told_at = time.monotonic()
        self.touch(done=done, failed=failed)

    def fail_file(self, name: str, error: SemsearchError, image: Image | None = None) -> bool:
        """List a file that could not be used, as `list_failed`."""
        return list_failed(self.job, name, error, image)

    def finish(self, done: int, failed: int) -> None:
        """Record that it is done. Raises: JobStoppedError when the unit is no longer ours."""
        self.touch(done=done, failed=failed, state=WorkUnit.State.DONE)

    def give_back(self, *, blameless: bool = False) -> None:
        """Leave it half done: the next who claims it goes on from what is missing."""
        attempts = F("attempts") - 1 if blameless else F("attempts")
        self._mine.update(state=WorkUnit.State.WAITING, attempts=attempts)


# works on a unit from what is missing in it, and finishes it
WorkOnUnit = Callable[[UnitRun], None]


def totals(job: Job) -> Totals:
    """Return what the work units of a job have come to so far."""
    held = Count("pk", filter=~Q(state=WorkUnit.State.DONE))
    sums = {name: Sum(name) for name in ("total", "done", "failed")}
    found = WorkUnit.objects.filter(job=job).aggregate(**sums, held=held)
    return Totals(found["done"] or 0, found["failed"] or 0, found["held"], found["total"] or 0)


def claim_next(job: Job, next_range: NextRange) -> UnitRun | None:
    """Claim the next unit of a job for this thread, or one whose worker is gone; None when there is none now.

    Raises: PoisonUnitError.
    """
    while Job.objects.filter(pk=job.pk, state__in=Job.ACTIVE).exists():
        unit = _left_behind(job) or _next(job, next_range)
        if unit is None:
            return None
        if unit.worker:
            return UnitRun(job, unit)
    return None


def _next(job: Job, next_range: NextRange) -> WorkUnit | None:
    """Return the range behind the last one, now ours; one that another was quicker to claim has no worker."""
    last = last_id(job)
    found = next_range(last)
    if found is None:
        return None
    unit = WorkUnit(
        job=job,
        first_id=last + 1,
        last_id=found.last_id,
        total=found.total,
        worker=new_token(),
        heartbeat_at=timezone.now(),
    )
    try:
        with transaction.atomic():
            unit.save(force_insert=True)
    except IntegrityError:
        return WorkUnit()
    return unit


def _left_behind(job: Job) -> WorkUnit | None:
    """Return a unit that was given back or whose worker is gone, now ours; None when there is none."""
    now = timezone.now()
    for unit in WorkUnit.objects.filter(job=job).exclude(state=WorkUnit.State.DONE).order_by("first_id"):
        waits = unit.state == WorkUnit.State.WAITING
        if not (waits or unit.heartbeat_at < now - STALE_AFTER or process_is_gone(unit.worker)):
            continue
        if unit.attempts >= MAX_FAILURES:
            raise PoisonUnitError(
                f"{MAX_FAILURES} workers died of the images {unit.first_id} to {unit.last_id}; "
                "look at their logs, remove the one that kills them, then try again."
            )
        token = new_token()
        held = WorkUnit.objects.filter(pk=unit.pk, state=unit.state, worker=unit.worker)
        if held.update(
            state=WorkUnit.State.RUNNING, worker=token, heartbeat_at=now, attempts=F("attempts") + 1
        ):
            unit.worker = token
            return unit
    return None


def last_id(job: Job) -> int:
    """Return where the last claimed range of a job ends; 0 before the first."""
    last: int | None = (
        WorkUnit.objects.filter(job=job).order_by("-first_id").values_list("last_id", flat=True).first()
    )
    return last or 0


def do_unit(run: UnitRun, work: WorkOnUnit) -> None:
    """Work on a claimed unit with a heartbeat beside it; given back where the work ends early."""
    try:
        with beating(run):
            work(run)
    except JobStoppedError:
        # somebody took it over, or the job ended: whoever coordinates it sees that
        logger.info("A work unit of job %s was taken away.", run.job.pk)
    except JobInterruptedError:
        run.give_back(blameless=True)
        raise
    except Exception as error:
        passes = outages.passing(error) is not None
        outages.persistently(partial(run.give_back, blameless=passes), ending)
        raise
