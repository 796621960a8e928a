"""Registers the gallery's own kinds of job, and the folder of the renditions."""

from __future__ import annotations

from typing import IO

from gallery import jobs, media_folders
from gallery.ingest import dataset_removal, importing

jobs.register(
    jobs.IMPORT,
    importing.import_job,
    label="import",
    queue="import",
    about="Checks each file, stores the images that are new, and hands them to the network as they come.",
    unfinished=importing.announce_unfinished,
    cleanup=importing.end_import,
    retry_files=importing.retry_files,
    source_kept=jobs.SourceKept(importing.is_source_kept, importing.is_folder_kept),
    audited_as="import.start",
)

# nobody waits for it: the dataset is on no list any more
jobs.register(
    jobs.REMOVE,
    dataset_removal.remove_job,
    label="remove a dataset",
    needs_space=False,
    queue="index",
    about="Removes rows and files of a dataset that was deleted, a part at a time.",
    priority=6,
)


def _open_rendition(path: str) -> IO[bytes]:
    from gallery.browse import renditions

    return renditions.open_rendition(path)


media_folders.serve(media_folders.RENDITIONS, _open_rendition)
