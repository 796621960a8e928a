"""Finds the images that lack an embedding and gives them one, as often as it takes and with whoever helps."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from gallery import jobs
from gallery.jobs import JobRun, coordination, work_units
from gallery.models import Dataset, Job
from search import job_kinds
from search.embedding import network_jobs, tuned_vectors
from search.embedding.work_units import ExtractionUnits, index_of_job, waiting_count
from search.features import feature_specs, loaded_extractors, tunings
from search.models import SearchIndex


@dataclass(frozen=True)
class Extraction:
    """What an extraction came to; `stages` are seconds by `<stage>_s`, `engine` is "" where none ran.

    `passed_over` are images that were deleted meanwhile, or got their embedding from another job.
    """

    embeddings: int
    failed: int
    images_per_s: float
    seconds: float
    stages: dict[str, float]
    engine: str
    passed_over: int = 0

    def as_result(self) -> dict[str, object]:
        """Return it as a job's result; stages are keys of their own."""
        figures = asdict(self)
        stages, engine, passed_over = (figures.pop(name) for name in ("stages", "engine", "passed_over"))
        more = {"engine": engine, "passed_over": passed_over}
        return {**figures, **stages, **{name: value for name, value in more.items() if value}}


def enqueue_extraction(dataset: Dataset) -> Job:
    """Queue an extraction of all that lacks an embedding; returns that, or one that has not begun yet."""
    waiting = jobs.find_same(job_kinds.EXTRACT, dataset, {}, states=(Job.State.QUEUED,))
    return waiting or jobs.enqueue(job_kinds.EXTRACT, dataset)


def enqueue_waiting(dataset_id: int) -> Job | None:
    """Queue an extraction where images of a dataset wait for one; None where none does."""
    dataset = Dataset.objects.filter(pk=dataset_id).first()
    if dataset is None or not waiting_count(feature_specs.live_index(dataset)):
        return None
    return enqueue_extraction(dataset)


def extract_job(run: JobRun) -> dict[str, object]:
    """Do an extraction job: every image of its dataset without an embedding, or those it names, gets one."""
    return extract_into(run, index_of_job(run.job)).as_result()


def extract_into(run: JobRun, index: SearchIndex) -> Extraction:
    """Give every image of an index's dataset that lacks one an embedding, and coordinate those who assist.

    What it begins from is always what is missing, so a job that was killed just runs again. Tuned vectors are
    made of those that the network gives: they come with those that are new, and all others after them.
    """
    plain = tunings.plain_index(index)
    found = _extracted(run, plain)
    for tuned in tunings.indexes_over(plain):
        tuned_vectors.fill(run, tuned, plain)
    return found


def _extracted(run: JobRun, index: SearchIndex) -> Extraction:
    units = ExtractionUnits(run.job, index)
    before = work_units.totals(run.job)
    missing = units.missing_count()
    if missing:
        network_jobs.convert_first(run, index.spec.model, (index.spec.layer,), index.spec.input_size)
        loaded_extractors.extractor(index.spec.config)
    run.begin(before.done + missing, f"Extracting {index.spec}", done=before.done + before.failed)
    started = time.perf_counter()
    found = coordination.coordinate(run, units.next_range, units.do)
    run.touch(total=found.done + found.failed, done=found.done + found.failed)
    seconds = time.perf_counter() - started
    return Extraction(
        embeddings=found.done,
        failed=found.failed,
        images_per_s=round((found.done - before.done) / seconds, 1) if found.done else 0.0,
        seconds=round(seconds, 2),
        stages=units.stages,
        engine=loaded_extractors.extractor(index.spec.config).engine_name if missing else "",
        passed_over=max(0, found.total - found.done - found.failed),
    )


def help_extraction(job: Job) -> None:
    """Do work units of an extraction that another worker coordinates."""
    units = ExtractionUnits(job, index_of_job(job))
    coordination.assist(job, units.next_range, units.do)
