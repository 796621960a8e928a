"""Connects the gallery's signals, imports, kinds of job and folders to this application's services."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import IO, Any

from django.db import transaction
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from gallery import jobs, signals
from gallery.browse.where import Where, keep_collections
from gallery.ingest import observers
from gallery.ingest.observers import ImportObserver, Observers, SingleImageObserver
from gallery.models import Dataset, FailedFile, Job
from gallery.system.home import derived_files, media_folders
from gallery.system.home.stored_files import delete_on_commit
from gallery.system.measuring.stage_timer import StageTimer
from search import job_kinds, job_results, stored_folders
from search.models import Experiment, FeatureMatrix, Projection, SearchIndex, Tuning


@receiver(signals.images_added)
def extract_new_images(dataset_id: int, **_: Any) -> Job | None:
    """Have what is missing extracted; returns the job of that, None where the dataset has been deleted."""
    from search.embedding import jobs as extraction_jobs

    dataset = Dataset.objects.filter(pk=dataset_id).first()
    return extraction_jobs.enqueue_extraction(dataset) if dataset is not None else None


@receiver(signals.images_removed)
def forget_removed_images(dataset_id: int, image_ids: list[int], **_: Any) -> None:
    """Mask the embeddings of images that are going."""
    from search.indexing import builds

    builds.note_removed(dataset_id, image_ids)


@receiver(signals.images_hidden)
def set_hidden_images_aside(dataset_id: int, image_ids: list[int], **_: Any) -> None:
    """Take images out of the indexes, and keep their embeddings."""
    from search.indexing import builds

    builds.note_hidden(dataset_id, image_ids)


@receiver(signals.images_shown)
def bring_images_back(dataset_id: int, image_ids: list[int], **_: Any) -> None:
    """Put images back into the indexes, and have extracted what is missing of them."""
    from search.embedding import jobs as extraction_jobs
    from search.indexing import builds

    builds.note_shown(dataset_id, image_ids)
    transaction.on_commit(partial(extraction_jobs.enqueue_waiting, dataset_id))


@receiver(signals.images_hidden)
@receiver(signals.images_removed)
def drop_feature_maps(image_ids: list[int], **_: Any) -> None:
    """Remove the feature maps made of images that are going, once they are gone."""
    derived_files.drop(image_ids)


@receiver(signals.dataset_removed)
def remove_what_was_computed(dataset: Dataset, report: Callable[[], None], **_: Any) -> None:
    """Remove experiments, maps, feature matrices, tunings and indexes of a dataset that is going."""
    from search.experiments.tuning import tuning_jobs
    from search.indexing import builds

    for tuning in Tuning.objects.filter(dataset=dataset):
        tuning_jobs.forget(tuning, report)
    for model in (Experiment, Projection, FeatureMatrix):
        for pk in list(model._base_manager.filter(dataset=dataset).values_list("pk", flat=True)):
            report()
            for row in model._base_manager.filter(pk=pk):
                row.delete()
    for index in SearchIndex._base_manager.filter(dataset=dataset).order_by("pk"):
        builds.remove(index, report)


@receiver(signals.home_upgraded)
def rebuild_unreadable_indexes(**_: Any) -> int:
    """Have indexes built anew that this release cannot read."""
    from search.indexing import builds

    return builds.rebuild_unreadable()


@receiver(pre_delete, sender=SearchIndex)
def drop_index_files(instance: SearchIndex, **_: Any) -> None:
    """Remove an index's files with its row."""
    from search.indexing import builds

    builds.drop_files(instance)


@receiver(pre_delete, sender=FeatureMatrix)
@receiver(pre_delete, sender=Projection)
def drop_file(instance: FeatureMatrix | Projection, **_: Any) -> None:
    """Remove the file of a feature matrix or a projection with its row."""
    delete_on_commit(instance.file)


def _extract(run: jobs.JobRun) -> Mapping[str, object]:
    from search.embedding import jobs as extraction_jobs
    from search.embedding import part_jobs, word_jobs
    from search.features import feature_specs
    from search.indexing import builds

    result = extraction_jobs.extract_job(run)
    if run.job.dataset is not None:
        live = feature_specs.live_index(run.job.dataset)
        builds.rebuild_when_due(live)
        part_jobs.enqueue_waiting(live)
        word_jobs.follow_extraction(run.job.dataset)
    return result


def _parts(run: jobs.JobRun) -> Mapping[str, object]:
    from search.embedding import part_jobs

    return part_jobs.parts_job(run)


def _index(run: jobs.JobRun) -> Mapping[str, object]:
    from search.indexing import builds

    return builds.index_job(run)


def _experiment(run: jobs.JobRun) -> Mapping[str, object]:
    from search.experiments import jobs as experiment_jobs

    return experiment_jobs.experiment_job(run)


def _promote(run: jobs.JobRun) -> Mapping[str, object]:
    from search.embedding import part_jobs
    from search.experiments import promotion
    from search.features import feature_specs

    result = promotion.promote_job(run)
    if run.job.dataset is not None:  # images may have come while another configuration answered
        part_jobs.enqueue_waiting(feature_specs.live_index(run.job.dataset))
    return result


def _project(run: jobs.JobRun) -> Mapping[str, object]:
    from search.maps import jobs as map_jobs

    return map_jobs.project_job(run)


def _verify(run: jobs.JobRun) -> Mapping[str, object]:
    from search.maintenance import schedule

    return schedule.verify_job(run)


def _weights(run: jobs.JobRun) -> Mapping[str, object]:
    from search.features.library import weights

    return weights.weights_job(run)


def _tune(run: jobs.JobRun) -> Mapping[str, object]:
    from search.experiments.tuning import tuning_jobs
    from search.maps import jobs as map_jobs

    result = tuning_jobs.tune_job(run)
    made = result["index"]
    if made is not None:
        index = SearchIndex.objects.select_related("dataset", "spec").get(pk=made)
        map_jobs.enqueue_tuned(index.dataset, index.spec)
    return result


def _words(run: jobs.JobRun) -> Mapping[str, object]:
    from search.embedding import word_jobs

    return word_jobs.words_job(run)


def _help_extract(job: Job) -> None:
    from search.embedding import jobs as extraction_jobs

    extraction_jobs.help_extraction(job)


def _help_index(job: Job) -> None:
    from search.indexing import work_units as index_units

    index_units.help_build(job)


def _extract_files(job: Job, files: Sequence[FailedFile]) -> Job:
    """Queue an extraction of the images whose files an earlier one could not use."""
    images = sorted({file.image_id for file in files if file.image_id is not None})
    spec = {"spec": job.parameters["spec"]} if "spec" in job.parameters else {}
    return jobs.enqueue(job_kinds.EXTRACT, job.dataset, images=images, **spec)


def _observe_import(
    run: jobs.JobRun, dataset: Dataset, clock: StageTimer
) -> AbstractContextManager[ImportObserver] | None:
    from search.embedding import import_observer

    return import_observer.observe(run, dataset, clock)


def _observe_single(dataset: Dataset) -> SingleImageObserver | None:
    from search.embedding import single_image

    return single_image.observe(dataset)


def _open_feature_map(path: str) -> IO[bytes]:
    from search.features import feature_maps

    return feature_maps.open_image(path)


def _images_of_saved_search(number: int) -> Where:
    from search.saved import serializers

    return serializers.where_of_saved(number)


keep_collections(_images_of_saved_search)
observers.register(Observers(_observe_import, _observe_single))
media_folders.keep_by_dataset("features", "projections")
media_folders.serve(stored_folders.FEATURE_MAPS, _open_feature_map)

jobs.register(
    job_kinds.EXTRACT,
    _extract,
    label="extract features",
    about="Reads each image, lets the network look at it, and "
    "stores the vector. Live search finds it from then on.",
    queue="extract",
    helper=_help_extract,
    retry_files=_extract_files,
    result=job_results.ExtractionResult,
)
jobs.register(
    job_kinds.INDEX,
    _index,
    label="build index",
    about="Trains an index on the vectors, fills it, measures what it finds, and switches to it at once.",
    queue="index",
    helper=_help_index,
    audited_as="index.rebuild",
    result=job_results.IndexResult,
)
jobs.register(
    job_kinds.PROMOTE,
    _promote,
    label="switch live search",
    about="Extracts the features of the new configuration, builds "
    "their index, and only then switches live search.",
    queue="index",
    helper=_help_extract,
    audited_as="configuration.promote",
    result=job_results.PromotionResult,
)
jobs.register(
    job_kinds.TUNE,
    _tune,
    label="tune to categories",
    about="Learns from the labels what tells the categories apart, and measures what that gains on images "
    "that it did not learn from.",
    queue="index",
    audited_as="tuning.learn",
    result=job_results.TuningResult,
)
# nobody waits for these: of all that is queued, maps come last
jobs.register(
    job_kinds.EXPERIMENT,
    _experiment,
    label="compute experiments",
    about="Lets the network look at each image once for all its layers, "
    "then searches with every image among the others and scores what it finds.",
    queue="project",
    priority=6,
    audited_as="experiment.compute",
    result=job_results.ExperimentResult,
)
jobs.register(
    job_kinds.PARTS,
    _parts,
    label="index parts",
    about="Lets the network look at each image once, and stores a vector of each of its parts: searches then "
    "find what is only a part of an image, and say where.",
    queue="extract",
    priority=6,
    audited_as="parts.index",
    result=job_results.PartsResult,
)
jobs.register(
    job_kinds.VERIFY,
    _verify,
    label="verify",
    about="Compares rows, files and index with each other, and says what is missing.",
    queue="index",
    priority=6,
    audited_as="verification.start",
    result=job_results.VerificationReport,
)
jobs.register(
    job_kinds.WEIGHTS,
    _weights,
    label="get weights",
    about="Downloads the weights of a network, goes on where "
    "an earlier attempt broke off, and checks the file.",
    queue="project",
    audited_as="weights.get",
    result=job_results.WeightsResult,
)
jobs.register(
    job_kinds.WORDS,
    _words,
    label="look for words",
    about="Lets the network look at each image that has no words yet, and stores what its classifier sees.",
    queue="extract",
    priority=6,
    audited_as="words.look",
    result=job_results.WordsResult,
)
jobs.register(
    job_kinds.PROJECT,
    _project,
    label="project embeddings",
    about="Lets the network look at each image once for all its layers, then lays out a map for each layer.",
    queue="project",
    priority=9,
    audited_as="map.compute",
    result=job_results.ProjectionResult,
)
