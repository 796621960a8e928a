"""Tunes a dataset to its categories: the job that measures and learns, and when it is due again."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import ProtectedError

from gallery import jobs
from gallery.jobs import JobRun
from gallery.models import Dataset, Job
from gallery.system.concurrency.locking import exclusive_lock
from gallery.system.home.shipped_files import program
from gallery.system.open_datasets import hold_open
from search import job_kinds
from search.embedding import jobs as extraction_jobs
from search.embedding import tuned_vectors
from search.experiments import evaluation, promotion, tuned_scores
from search.experiments.measured import State
from search.features import feature_specs, tunings
from search.indexing import builds, labelled_vectors
from search.indexing.labelled_vectors import LabelledImages
from search.job_results import TuningResult
from search.models import (
    Embedding,
    Experiment,
    FeatureMatrix,
    FeatureSpec,
    HiddenEmbedding,
    Projection,
    SearchIndex,
    Tuning,
)
from search.tuned import tuning as pure
from search.tuned.curve import learning_curve
from search.tuned.figures import Figures, figures_of

DELETED_TOGETHER = 2000


@dataclass(frozen=True)
class _Labels:
    """The labels of a dataset as they were read: their digest, and the dataset's revision before."""

    digest: str
    revision: int


def enqueue(dataset: Dataset) -> Job:
    """Queue the tuning of a dataset, or return the one that has not begun yet."""
    waiting = jobs.find_same(job_kinds.TUNE, dataset, {}, states=(Job.State.QUEUED,))
    return waiting or jobs.enqueue(job_kinds.TUNE, dataset)


def latest(dataset: Dataset) -> Tuning | None:
    """Return what was learned and measured last of a dataset."""
    return Tuning.objects.select_related("base", "spec").filter(dataset=dataset).order_by("-pk").first()


def spec_of(dataset: Dataset) -> FeatureSpec:
    """Return the spec of the tuned vectors of a dataset. Raises: NotPromotableError where there are none."""
    row = Tuning.objects.filter(dataset=dataset, spec__isnull=False).order_by("-pk").first()
    if row is None or row.spec is None:
        raise promotion.NotPromotableError(
            f"This dataset is not tuned: `{program()} tune` learns from its labels, where that gains."
        )
    return row.spec


def tune_job(run: JobRun) -> TuningResult:
    """Do a tuning: measure it, learn it where it gains beyond noise, and have its vectors and index ready.

    Live search is switched only where it was tuned already, to labels of before: what it was switched to by
    somebody is then brought up to date. The vectors of before are removed.

    Raises: UnlabelledError when no two images share a category.
    """
    dataset = run.job.dataset
    assert dataset is not None
    with exclusive_lock(f"tune-{dataset.pk}", run.touch):
        return _tuned(run, dataset)


def _tuned(run: JobRun, dataset: Dataset) -> TuningResult:
    plain = tunings.plain_index(feature_specs.live_index(dataset))
    extraction_jobs.extract_into(run, plain)
    started = time.perf_counter()
    labels = _Labels(revision=dataset.current_revision(), digest=labelled_vectors.labels_digest(dataset))
    images = labelled_vectors.read(dataset, plain.spec)
    if not images.values.learnable:
        raise evaluation.unlabelled(dataset)
    run.begin(len(images.ids), "Measuring what the labels gain")
    figures = figures_of(learning_curve(images.values, run.touch))
    figures["offered"] = figures["offered"] and images.enough
    row = _stored(dataset, plain.spec, images, figures, labels)
    index = _made(run, row, plain, images, labels) if figures["offered"] else None
    Tuning.objects.filter(pk=row.pk).update(seconds=round(time.perf_counter() - started, 2))
    _forget_older(run, row)
    return {
        "offered": figures["offered"],
        "index": index.pk if index else None,
        "categories": len(row.categories),
        "labels": row.labels,
        "weighted_precision": figures["weighted_precision"],
        "weighted_precision_before": figures["weighted_precision_before"],
    }


def _stored(
    dataset: Dataset, base: FeatureSpec, images: LabelledImages, figures: Figures, labels: _Labels
) -> Tuning:
    """Learn from all labels, and store that with what was measured; the same again stays one row."""
    values = images.values
    units = pure.centred_units(values.vectors, values.centre)
    made = pure.taught(values.centre, units, values.taught, values.learnable)
    columns = {
        "figures": figures,
        "labels_digest": labels.digest,
        "images_revision": labels.revision,
        "labels": images.learned_labels,
        "categories": images.learned_names,
        "centre": made.centre.astype("<f4").tobytes(),
        "weights": made.weights.astype("<f4").tobytes(),
        "usual": made.usual,
        "seconds": 0.0,
    }
    # two datasets may teach the same: each has vectors of its own
    name = hashlib.sha256(f"{dataset.pk} {base.fingerprint} {made.digest}".encode()).hexdigest()
    config = replace(base.config, dims=made.dims, tuning=name)
    with transaction.atomic():
        hold_open(dataset)
        spec = FeatureSpec.objects.for_config(config) if figures["offered"] else None
        if spec is not None:
            known = Tuning.objects.filter(spec=spec).first()
            if known is not None:
                Tuning.objects.filter(pk=known.pk).update(**columns)
                return Tuning.objects.get(pk=known.pk)
        return Tuning.objects.create(dataset=dataset, base=base, spec=spec, **columns)


def _made(
    run: JobRun, row: Tuning, plain: SearchIndex, images: LabelledImages, labels: _Labels
) -> SearchIndex:
    """Give a tuning its vectors, its index and its row among the experiments, and go live for one before."""
    assert row.spec is not None
    index = feature_specs.index_of(row.dataset, row.spec)
    run.begin(plain.embeddings, "Tuning the vectors")
    tuned_vectors.fill(run, index, plain)
    run.begin(plain.embeddings, f"Building the index of {row.dataset.name}")
    builds.rebuild(index, run)
    run.begin(len(images.ids), "Measuring the neighbours of every image")
    tuned_scores.measure_images(State(row.dataset, labels.revision), index, images)
    live = feature_specs.live_index(row.dataset)
    if live.pk != index.pk and live.spec.tuning:
        promotion.make_live(run, row.dataset, index)
    return index


def _forget_older(run: JobRun, latest: Tuning) -> None:
    """Remove what was learned before, but for what answers live searches."""
    for row in Tuning.objects.filter(dataset=latest.dataset_id).exclude(pk=latest.pk):
        live = SearchIndex.objects.filter(dataset=row.dataset_id, spec=row.spec_id, live=True)
        if row.spec_id is None or not live.exists():
            forget(row, run.touch)


def forget(row: Tuning, report: Callable[[], object]) -> None:
    """Remove a tuning with its index, its vectors and what was computed of them.

    `report` is called again and again meanwhile, and may raise to stop it.
    """
    spec = row.spec
    row_of_spec = {"dataset": row.dataset_id, "spec": spec}
    if spec is not None:
        for index in SearchIndex._base_manager.filter(**row_of_spec):
            builds.remove(index, report)
        for model in (Experiment, FeatureMatrix, Projection):
            for computed in model._base_manager.filter(**row_of_spec):
                computed.delete()
        HiddenEmbedding.objects.filter(spec=spec).delete()
        of_spec = Embedding.objects.filter(**row_of_spec).order_by("pk").values_list("pk", flat=True)
        while some := list(of_spec[:DELETED_TOGETHER]):
            Embedding.objects.filter(pk__in=some).delete()
            report()
    row.delete()
    if spec is not None:
        try:
            spec.delete()
        except ProtectedError:  # an image came in this moment; nobody asks for its vector
            return


def enqueue_due() -> list[Job]:
    """Queue a tuning of each dataset that is searched tuned, and whose labels have changed.

    A change counts when the dataset is the same at two looks: nobody is labelling any more.
    """
    found = []
    live = SearchIndex.shown.filter(live=True).exclude(spec__tuning="")
    for index in live.select_related("dataset"):
        row = latest(index.dataset)
        revision = index.dataset.current_revision()
        if row is None or row.images_revision == revision:
            continue
        if row.seen_revision != revision:
            Tuning.objects.filter(pk=row.pk).update(seen_revision=revision)
        elif labelled_vectors.labels_digest(index.dataset) == row.labels_digest:
            Tuning.objects.filter(pk=row.pk).update(images_revision=revision)
        else:
            found.append(enqueue(index.dataset))
    return found
