"""Finds the images that lack an embedding and gives them one, as often as it takes and with whoever helps."""

from __future__ import annotations

import time
from typing import Any

from gallery import jobs
from gallery.jobs import JobRun, coordination, work_units
from gallery.models import Dataset, Job
from search import job_kinds
from search.embedding.work_units import ExtractionUnits, index_of_job
from search.embedding.work_units import without_embedding as without_embedding
from search.features import loaded_extractors
from search.models import SearchIndex


def enqueue_extraction(dataset: Dataset) -> Job:
    """Queue an extraction of all that lacks an embedding; returns that, or one that has not begun yet."""
    waiting = jobs.find_same(job_kinds.EXTRACT, dataset, {}, states=(Job.State.QUEUED,))
    return waiting or jobs.enqueue(job_kinds.EXTRACT, dataset)


def extract_job(run: JobRun) -> dict[str, Any]:
    """Do an extraction job: every image of its dataset without an embedding, or those it names, gets one."""
    return extract_into(run, index_of_job(run.job))


def extract_into(run: JobRun, index: SearchIndex) -> dict[str, Any]:
    """Give every image of an index's dataset that lacks one an embedding, and coordinate those who assist.

    What it begins from is always what is missing, so a job that was killed just runs again.
    """
    units = ExtractionUnits(run.job, index)
    before = work_units.totals(run.job)
    missing = units.missing_count()
    run.begin(before.done + missing, f"Extracting {index.spec}", done=before.done + before.failed)
    started = time.perf_counter()
    found = coordination.coordinate(run, units.next_range, units.do)
    run.touch(total=found.done + found.failed, done=found.done + found.failed)
    seconds = time.perf_counter() - started
    result = {
        "embeddings": found.done,
        "failed": found.failed,
        "images_per_s": round((found.done - before.done) / seconds, 1) if found.done else 0.0,
        "seconds": round(seconds, 2),
        **units.stages,
    }
    return result | (
        {"engine": loaded_extractors.extractor(index.spec.config).engine_name} if missing else {}
    )


def help_extraction(job: Job) -> None:
    """Do work units of an extraction that another worker coordinates."""
    units = ExtractionUnits(job, index_of_job(job))
    coordination.assist(job, units.next_range, units.do)
