"""Registers the gallery's own kinds of job, and the folder of the renditions.

What does the work is imported where it is done, so that starting Django stays light.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO

from gallery import jobs
from gallery.jobs import results
from gallery.models import FailedFile, Job
from gallery.system.home import media_folders


def _import(run: jobs.JobRun) -> Mapping[str, object]:
    from gallery.ingest import importing

    return importing.import_job(run)


def _announce_unfinished(job: Job) -> None:
    from gallery.ingest import importing

    importing.announce_unfinished(job)


def _end_import(job: Job) -> None:
    from gallery.ingest import importing

    importing.end_import(job)


def _import_files(job: Job, files: Sequence[FailedFile]) -> Job:
    from gallery.ingest import importing

    return importing.retry_files(job, files)


def _is_source_kept(job: Job) -> bool:
    from gallery.ingest import importing

    return importing.is_source_kept(job)


def _is_folder_kept(job: Job) -> bool:
    from gallery.ingest import importing

    return importing.is_folder_kept(job)


def _remove(run: jobs.JobRun) -> Mapping[str, object]:
    from gallery.ingest.removals import dataset_removal

    return dataset_removal.remove_job(run)


def _open_rendition(path: str) -> IO[bytes]:
    from gallery.browse import renditions

    return renditions.open_rendition(path)


jobs.register(
    jobs.IMPORT,
    _import,
    label="import",
    queue="import",
    about="Checks each file, stores the images that are new, and hands them to the network as they come.",
    unfinished=_announce_unfinished,
    cleanup=_end_import,
    retry_files=_import_files,
    source_kept=jobs.SourceKept(_is_source_kept, _is_folder_kept),
    audited_as="import.start",
    result=results.ImportResult,
)

# nobody waits for it: the dataset is on no list any more
jobs.register(
    jobs.REMOVE,
    _remove,
    label="remove a dataset",
    about="Removes rows and files of a dataset that was deleted, a part at a time.",
    needs_space=False,
    queue="index",
    priority=6,
    result=results.RemovalResult,
)

media_folders.serve(media_folders.RENDITIONS, _open_rendition)
