"""What is done from time to time without anybody's asking: compaction, verification, the bin."""

from __future__ import annotations

import logging
from contextlib import suppress

from gallery import jobs
from gallery.errors import SemsearchError, StorageAwayError
from gallery.ingest.removals import bin, missing
from gallery.models import Job
from gallery.system.home.shipped_files import program
from gallery.system.open_datasets import DatasetClosedError
from gallery.system.storage import StorageUnavailableError
from search import job_kinds
from search.indexing import builds
from search.job_results import VerificationReport
from search.live.examples import uploads
from search.maintenance import verification
from search.models import SearchIndex

logger = logging.getLogger(__name__)

SHOWN_PROBLEMS = 20


class DisagreementError(SemsearchError):
    """Pictures, embeddings, indexes and files do not agree."""

    code = "disagreement"
    status = 409


def compact() -> list[Job]:
    """Queue a compaction of each live index that has changed enough, unless one is queued or runs."""
    building = Job.objects.filter(kind=job_kinds.INDEX, state__in=Job.ACTIVE).values_list(
        "dataset", flat=True
    )
    due = SearchIndex.shown.filter(live=True).exclude(dataset__in=list(building))
    found = []
    for index in due.select_related("dataset", "spec"):
        with suppress(DatasetClosedError):
            found.append(builds.rebuild_when_due(index))
    return [job for job in found if job is not None]


def enqueue_verification() -> Job | None:
    """Queue a verification; None while other work would make it see things half done."""
    if Job.objects.filter(state__in=Job.ACTIVE).exists():
        return None
    return jobs.enqueue(job_kinds.VERIFY, None)


def tidy() -> None:
    """Remove for good what has lain in the bin or was kept to search with long enough.

    Images are shown again whose file is back.
    """
    try:
        missing.show_found()
        uploads.remove_expired()
    except StorageUnavailableError as error:
        logger.warning("Neither missing files nor old uploads were looked for: %s", error)
    try:
        datasets, images = bin.empty()
    except StorageAwayError as error:
        logger.warning("The bin was not emptied: %s", error)
        return
    if datasets or images:
        logger.info("The bin was emptied of %s datasets and %s images.", datasets, images)


def verify_job(run: jobs.JobRun) -> VerificationReport:
    """Do a verification job. Raises: DisagreementError with what is wrong."""
    run.begin(0, "Comparing images, embeddings, indexes and files")
    found = verification.verify()
    if not found.ok:
        more = len(found.problems) - SHOWN_PROBLEMS
        lines = found.problems[:SHOWN_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])
        what_to_do = (
            "" if found.storage == "away" else f"`{program()} verify --repair` mends what can be made again. "
        )
        raise DisagreementError(f"Not everything agrees. {what_to_do}{' '.join(lines)}")
    return found.as_report()
