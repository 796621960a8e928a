"""Makes the configuration of an experiment the one that answers live searches of its dataset."""

from __future__ import annotations

import numpy as np
from django.db import transaction

from gallery import jobs
from gallery.access import audit
from gallery.errors import SemsearchError
from gallery.jobs import JobRun
from gallery.models import Dataset, Job
from gallery.system.concurrency.held_rows import locked
from gallery.system.open_datasets import hold_open
from search import job_kinds
from search.embedding import jobs as extraction_jobs
from search.embedding import vector_import
from search.embedding import writer as embedding_writer
from search.embedding.work_units import without_embedding
from search.extractors.parts import divided
from search.features import feature_specs, matrices
from search.indexing import builds, database_vectors
from search.job_results import PromotionResult
from search.models import Experiment, FeatureSpec, SearchIndex

COPY_ROWS = 2048


class NotPromotableError(SemsearchError):
    """This experiment cannot be used for live search."""

    code = "not_promotable"
    status = 422


def enqueue(experiment: Experiment) -> Job:
    """Queue the switch of live search to the configuration of an experiment.

    Raises: NotPromotableError for another metric than cosine, or when it is the live one already.
    """
    if experiment.metric != Experiment.Metric.COSINE:
        raise NotPromotableError(
            f"Live search ranks by cosine, and this experiment by {experiment.get_metric_display()}. "
            "Choose the experiment with the same network and layer and the metric cosine."
        )
    return _enqueue(experiment.dataset, experiment.spec)


def enqueue_index(index: SearchIndex) -> Job:
    """Queue the switch of live search to an index that is there, as to go back to an earlier one.

    Raises: NotPromotableError when it is the live one already, or of vectors that were made elsewhere,
    or of parts of images.
    """
    if index.spec.model == vector_import.MODEL:
        raise NotPromotableError(
            "These features were made elsewhere: no image that is searched with, or comes new, could get "
            "any. Ask them with `index` in a search."
        )
    if divided(index.spec.pooling)[1] is not None:
        raise NotPromotableError("This index holds parts of images, beside that of whole ones.")
    return _enqueue(index.dataset, index.spec)


def _refuse_live(dataset: Dataset, spec: FeatureSpec) -> None:
    if SearchIndex.objects.filter(dataset=dataset, spec=spec, live=True).exists():
        raise NotPromotableError("This is the live configuration already.")


def _enqueue(dataset: Dataset, spec: FeatureSpec) -> Job:
    _refuse_live(dataset, spec)
    active = Job.objects.filter(dataset=dataset, kind=job_kinds.PROMOTE, state__in=Job.ACTIVE)
    same = next((job for job in active.order_by("pk") if job.parameters == {"spec": spec.pk}), None)
    return same or jobs.enqueue(job_kinds.PROMOTE, dataset, spec=spec.pk)


def promote_now(dataset: Dataset, spec: FeatureSpec) -> Job:
    """Switch live search of a dataset to a spec in this process, as the command does; returns the ended job.

    Raises: NotPromotableError when it is the live one already; SemsearchError when it failed.
    """
    _refuse_live(dataset, spec)
    return jobs.perform_now(job_kinds.PROMOTE, dataset, spec=spec.pk)


def spec_before(dataset: Dataset) -> FeatureSpec:
    """Return what answered live searches before the last switch.

    Raises: NotPromotableError when there was none, or its index is gone.
    """
    switches = Job.objects.filter(dataset=dataset, kind=job_kinds.PROMOTE, state=Job.State.SUCCEEDED)
    last = switches.order_by("-finished_at", "-pk").first()
    replaced = last and SearchIndex.objects.filter(dataset=dataset, pk=last.result.get("replaced")).first()
    if not replaced:
        raise NotPromotableError("There is no earlier configuration to go back to: name one with --model.")
    return replaced.spec


def promote_job(run: JobRun) -> PromotionResult:
    """Do a switch: embeddings, index, and only then the one change that makes it live.

    Until that change the old configuration serves, and it stays where it was when anything fails.
    """
    dataset = run.job.dataset
    assert dataset is not None
    spec = FeatureSpec.objects.get(pk=run.job.parameters["spec"])
    index = feature_specs.index_of(dataset, spec)
    copied = _copy_vectors(run, dataset, index)
    extracted = extraction_jobs.extract_into(run, index)
    run.begin(database_vectors.embeddings(index).count(), f"Building the index of {dataset.name}")
    build = builds.rebuild(index, run)
    replaced = make_live(run, dataset, index)
    return {
        "index": index.pk,
        "replaced": replaced.pk if replaced else None,
        "generation": build.generation,
        "embeddings": copied + extracted.embeddings,
        "failed": extracted.failed,
    }


def make_live(run: JobRun, dataset: Dataset, index: SearchIndex) -> SearchIndex | None:
    """Let an index answer the live searches of its dataset from now on; returns the one that did."""
    with transaction.atomic():
        # in the order in which whoever removes images takes them
        locked(SearchIndex.objects.filter(dataset=dataset))
        hold_open(dataset)
        others = SearchIndex.objects.filter(dataset=dataset, live=True).exclude(pk=index.pk)
        replaced = others.first()
        others.update(live=False)
        SearchIndex.objects.filter(pk=index.pk).update(live=True)
        audit.record(
            "configuration.live", dataset, job=run.job.pk, index=index.pk, configuration=str(index.spec)
        )
        # pictures that came while this job ran were extracted for the old configuration only
        if without_embedding(dataset, index.spec).exists():
            jobs.enqueue(job_kinds.EXTRACT, dataset)
    return replaced


def _copy_vectors(run: JobRun, dataset: Dataset, index: SearchIndex) -> int:
    """Take over what experiments have extracted; returns how many vectors."""
    wanted = np.array(without_embedding(dataset, index.spec).values_list("pk", flat=True), dtype=np.int64)
    run.begin(len(wanted), "Taking over the features of the experiment")
    copied = 0
    for start in range(0, len(wanted), COPY_ROWS):
        ids, vectors = matrices.read(dataset, index.spec, wanted[start : start + COPY_ROWS])
        copied += embedding_writer.store_embeddings(index, ids, vectors) if len(ids) else 0
        run.advance(start)
    return copied
