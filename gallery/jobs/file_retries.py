"""Tries single files again that a job could not use, when somebody asks or the reason may have passed."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from gallery.access import audit
from gallery.jobs.errors import NotRetryableError
from gallery.jobs.kinds import RetryFiles, find_type
from gallery.jobs.queueing import clean_up
from gallery.models import FailedFile, Job
from gallery.system.open_datasets import DatasetClosedError

logger = logging.getLogger(__name__)

# a stored file that cannot be read now may be read later: the storage was away
PASSING_CODES = ("not_found",)
# what is left out, and what is here already, is so the next time too
LASTING_CODES = ("duplicate", "skipped")
MOST_ATTEMPTS = 3
# how long the source of a failed job waits for somebody to try the job again
KEPT_FOR = timedelta(days=7)
MOST_FILES = 1000


def retryable(job: Job) -> bool:
    """Whether single files of a job can be tried again."""
    return not job.active and _retrying(job) is not None


def may_help(file: FailedFile) -> bool:
    """Whether trying a file again can end otherwise: a stored one that is no image stays none."""
    unreadable = file.image_id is not None and file.code == "not_a_picture"
    return file.code not in LASTING_CODES and not unreadable


def _retrying(job: Job) -> RetryFiles | None:
    found = find_type(job.kind)
    if found is None or (found.source_kept is not None and not found.source_kept.single_files(job)):
        return None
    return found.retry_files


def retry_files(job: Job, ids: Iterable[int] | None = None) -> Job:
    """Start a job that tries files of an ended job again: those of these ids, or all; returns the new job.

    Raises: NotRetryableError when the job still runs, none of the files waits for that, or their source is
    gone.
    """
    again = _retrying(job)
    if job.active or again is None:
        raise NotRetryableError(
            "Single files can be tried again when their import or extraction has ended, and while what they "
            "came in is kept: otherwise add them to the dataset again."
        )
    with transaction.atomic():
        wanted = FailedFile.objects.select_for_update().filter(job=job, retry=None)
        wanted = wanted.exclude(code__in=LASTING_CODES)
        if ids is not None:
            wanted = wanted.filter(pk__in=list(ids))
        files = list(wanted.order_by("pk")[:MOST_FILES])
        if not files:
            raise NotRetryableError("None of these files waits to be tried again.")
        started = again(job, files)
        FailedFile.objects.filter(pk__in=[file.pk for file in files]).update(retry=started)
        audit.record("job.retry_files", job, files=len(files), by_job=started.pk)
    return started


def retry_passing_failures() -> int:
    """Try pictures again whose stored file could not be read, a few times each; returns how many jobs."""
    waiting = FailedFile.objects.filter(code__in=PASSING_CODES, retry=None, image__isnull=False)
    waiting = waiting.exclude(job__state__in=Job.ACTIVE).annotate(
        times=Count("image__failures", filter=Q(image__failures__code=F("code")))
    )
    by_job: dict[int, list[int]] = defaultdict(list)
    for pk, job_id in waiting.filter(times__lt=MOST_ATTEMPTS).values_list("pk", "job")[:MOST_FILES]:
        by_job[job_id].append(pk)
    started = 0
    for job in Job.objects.filter(pk__in=by_job):
        try:
            retry_files(job, by_job[job.pk])
        except (NotRetryableError, DatasetClosedError) as error:
            logger.info("Files of job %s are not tried again: %s", job.pk, error.detail)
        else:
            started += 1
    return started


def drop_old_sources() -> int:
    """Remove what failed jobs were to work on when nobody tried them again for long; returns how many."""
    old = Job.objects.filter(state=Job.State.FAILED, finished_at__lt=timezone.now() - KEPT_FOR)
    old = old.filter(finished_at__gt=timezone.now() - 2 * KEPT_FOR)
    forgotten = [job for job in old if (found := find_type(job.kind)) is not None and found.cleanup]
    for job in forgotten:
        clean_up(job)
    return len(forgotten)
