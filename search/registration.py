"""Connects the gallery's signals and the job kinds to this application's services."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from gallery import jobs, signals
from gallery.ingest import observers
from gallery.ingest.observers import Follower
from gallery.models import Dataset, FailedFile, Job
from gallery.system.stage_timer import StageClock
from search.models import FeatureMatrix, Projection, SearchIndex


@receiver(signals.images_added)
def extract_new_images(dataset_id: int, **_: Any) -> None:
    """Queue an extraction of what is missing, unless one that has not begun yet will find it."""
    dataset = Dataset.objects.get(pk=dataset_id)
    if not Job.objects.filter(dataset=dataset, kind=Job.Kind.EXTRACT, state=Job.State.QUEUED).exists():
        jobs.enqueue(Job.Kind.EXTRACT, dataset)


@receiver(signals.images_removed)
def forget_removed_images(dataset_id: int, image_ids: list[int], **_: Any) -> None:
    """Mask the embeddings of images that are going."""
    from search.indexing import builds

    builds.note_removed(dataset_id, image_ids)


@receiver(signals.images_removed)
def drop_feature_maps(image_ids: list[int], **_: Any) -> None:
    """Remove the feature maps made of images that are going, once they are gone."""
    from search.features import feature_maps

    transaction.on_commit(partial(feature_maps.drop_feature_maps, image_ids), robust=True)


@receiver(pre_delete, sender=SearchIndex)
def drop_index_files(instance: SearchIndex, **_: Any) -> None:
    """Remove an index's files with its row."""
    from search.indexing import builds

    builds.drop_files(instance)


@receiver(pre_delete, sender=FeatureMatrix)
def drop_matrix_file(instance: FeatureMatrix, **_: Any) -> None:
    """Remove a feature matrix's file with its row."""
    from search.features import matrices

    matrices.drop_file(instance)


@receiver(pre_delete, sender=Projection)
def drop_projection_file(instance: Projection, **_: Any) -> None:
    """Remove a projection's file with its row."""
    from search.maps import files as map_files

    map_files.drop_file(instance)


def _extract(run: jobs.JobRun) -> dict[str, Any]:
    from search.embedding import jobs as extraction_jobs
    from search.features import feature_specs
    from search.indexing import builds

    result = extraction_jobs.extract_job(run)
    if run.job.dataset is not None:
        builds.rebuild_when_due(feature_specs.live_index(run.job.dataset))
    return result


def _index(run: jobs.JobRun) -> dict[str, Any]:
    from search.indexing import builds

    return builds.index_job(run)


def _experiment(run: jobs.JobRun) -> dict[str, Any]:
    from search.experiments import jobs as experiment_jobs

    return experiment_jobs.experiment_job(run)


def _promote(run: jobs.JobRun) -> dict[str, Any]:
    from search.experiments import promotion

    return promotion.promote_job(run)


def _project(run: jobs.JobRun) -> dict[str, Any]:
    from search.maps import jobs as map_jobs

    return map_jobs.project_job(run)


def _verify(run: jobs.JobRun) -> dict[str, Any]:
    from search.maintenance import schedule

    return schedule.verify_job(run)


def _help_extract(job: Job) -> None:
    from search.embedding import jobs as extraction_jobs

    extraction_jobs.help_extraction(job)


def _help_index(job: Job) -> None:
    from search.indexing import work_units as index_units

    index_units.help_build(job)


def _extract_again(job: Job, files: Sequence[FailedFile]) -> Job:
    """Queue an extraction of the images whose files an earlier one could not use."""
    images = sorted({file.image_id for file in files if file.image_id is not None})
    spec = {"spec": job.parameters["spec"]} if "spec" in job.parameters else {}
    return jobs.enqueue(Job.Kind.EXTRACT, job.dataset, images=images, **spec)


def _follow(run: jobs.JobRun, dataset: Dataset, clock: StageClock) -> AbstractContextManager[Follower] | None:
    from search.embedding import import_observer

    return import_observer.follow(run, dataset, clock)


observers.register(_follow)
jobs.register(Job.Kind.EXTRACT, _extract, helper=_help_extract, files_again=_extract_again)
jobs.register(Job.Kind.INDEX, _index, helper=_help_index)
jobs.register(Job.Kind.EXPERIMENT, _experiment)
jobs.register(Job.Kind.PROMOTE, _promote, helper=_help_extract)
jobs.register(Job.Kind.VERIFY, _verify)
jobs.register(Job.Kind.PROJECT, _project)
