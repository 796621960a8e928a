"""Compares images, embeddings, indexes and stored files by kind, and mends what can be made again.

Nothing is ever removed that cannot be made again: an image whose file is missing is hidden until that is
back, a file that no image knows is taken in again or moved to lost+found/.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from django.core.files.storage import default_storage

from gallery import jobs
from gallery.errors import IndexDamagedError, IndexOutdatedError, SemsearchError
from gallery.ingest import storing
from gallery.ingest.removals import missing
from gallery.models import Dataset, Image
from gallery.system.storage import storage_errors
from search import job_kinds
from search.embedding.work_units import without_embedding
from search.features import feature_specs
from search.indexing import builds, database_vectors, snapshots
from search.indexing.backends import backend
from search.job_results import VerificationReport
from search.maintenance import found_files, stored_files
from search.maintenance.stored_files import StoredFiles
from search.models import SearchIndex
from search.types import Ids

NAMED = 50  # of a kind, by a problem each


@dataclass
class Verification:
    """What was counted, what is wrong, in `problems`, and what is not but should be known, in `notes`.

    `orphans` are things nothing stands behind any more: indexed ids without an embedding, stored files
    without an image. `missing` are things that should be there: files, embeddings, indexed ids.
    `images` are those that are shown, `in_bin` those that wait there, alone or with their dataset.
    """

    images: int = 0
    embeddings: int = 0
    indexed: int = 0
    storage: str = "right"
    missing_originals: int = 0
    missing_thumbnails: int = 0
    missing_embeddings: int = 0
    missing_indexed: int = 0
    unknown_originals: int = 0
    unknown_files: int = 0
    unknown_indexed: int = 0
    hidden: int = 0
    in_bin: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return not self.problems

    @property
    def missing(self) -> int:
        """How much is missing of all kinds."""
        kinds = (self.missing_originals, self.missing_thumbnails, self.missing_embeddings)
        return sum(kinds) + self.missing_indexed

    @property
    def orphans(self) -> int:
        """How much of all kinds has nothing behind it."""
        return self.unknown_originals + self.unknown_files + self.unknown_indexed

    def as_report(self) -> VerificationReport:
        """Return the counts as plain values."""
        return {
            "images": self.images,
            "embeddings": self.embeddings,
            "indexed": self.indexed,
            "orphans": self.orphans,
            "missing": self.missing,
            "ok": self.ok,
            "storage": self.storage,
            "missing_originals": self.missing_originals,
            "missing_thumbnails": self.missing_thumbnails,
            "missing_embeddings": self.missing_embeddings,
            "missing_indexed": self.missing_indexed,
            "unknown_originals": self.unknown_originals,
            "unknown_files": self.unknown_files,
            "unknown_indexed": self.unknown_indexed,
            "hidden": self.hidden,
            "in_bin": self.in_bin,
        }


def verify(*, trusted: bool = False) -> Verification:
    """Compare everything. The only change: an image is shown again whose missing file is back."""
    files = stored_files.compare(trusted=trusted)
    missing.unmark([] if files.away else files.back)
    found = Verification()
    _tell_of_files(files, found)
    found.images = Image.objects.count()
    found.in_bin = Image.everything.exclude(deleted_at=None, dataset__deleted_at=None).count()
    for dataset in Dataset.objects.order_by("pk"):
        _compare(dataset, found)
    return found


def _tell_of_files(files: StoredFiles, found: Verification) -> None:
    """Enter what files say; of a storage that is away only that it is."""
    found.hidden = len(files.still_missing)
    found.missing_originals = len(files.missing) + len(files.aside)
    if files.away:
        found.storage = "away"
        found.problems.append(files.away)
        return
    found.missing_thumbnails = len(files.thumbnails)
    found.unknown_originals = len(files.unknown_originals)
    found.unknown_files = len(files.unknown_derived)
    for things, sentence in (
        (files.missing, "The stored file of image {} is gone."),
        (files.aside, "The stored file of image {} lies in lost+found/."),
        (files.thumbnails, "The thumbnail of image {} is gone."),
        (files.unknown_originals, "The stored file {} belongs to no image."),
        (files.unknown_derived, "The stored file {} belongs to no image."),
    ):
        found.problems += [sentence.format(thing) for thing in things[:NAMED]]
        if len(things) > NAMED:
            found.problems.append(f"And {len(things) - NAMED} more like the last one.")
    if found.hidden:
        found.notes.append(
            f"{found.hidden} images are hidden because their file is missing: put it back, and they are "
            "shown again by themselves. The page of the bin lists them."
        )


def repair(*, trusted: bool = False) -> Iterator[str]:
    """Mend what can be made again, and say what was done; nothing where the storage seems to be away.

    With `trusted` what the storage lacks is missing indeed, however much it is.
    """
    files = stored_files.compare(trusted=trusted)
    if files.away:
        yield f"Nothing was repaired. {files.away}"
        return
    put_back = found_files.put_back(files.aside)
    if put_back:
        yield f"Put the files of {len(put_back)} images back from lost+found/."
    if shown := missing.unmark([*files.back, *put_back]):
        yield f"Showed {shown} images again whose file is back."
    if hidden := missing.mark(files.missing):
        yield f"Hid {hidden} images whose file is missing; they are shown again when it is back."
    yield from _remake_thumbnails(files.thumbnails)
    yield from found_files.take_in(files.unknown_originals)
    yield from _remove_derived(trusted=trusted)
    for dataset in Dataset.objects.order_by("pk"):
        index = feature_specs.live_index(dataset)
        lacking = without_embedding(dataset, index.spec).count()
        if lacking:
            jobs.perform_now(job_kinds.EXTRACT, dataset)
            yield f"Extracted the features of {lacking} images of {dataset.name}."
        if _state(index)[2]:
            builds.rebuild(index)
            yield f"Rebuilt the index of {dataset.name}."
    snapshots.forget()


def _remake_thumbnails(image_ids: Sequence[int]) -> Iterator[str]:
    done = 0
    for image in Image.everything.filter(pk__in=image_ids).iterator():
        try:
            with storage_errors(), default_storage.open(str(image.file.name)) as file:
                storing.make_thumbnail(image, file.read())
        except (SemsearchError, FileNotFoundError) as error:
            yield f"The thumbnail of image {image.pk} could not be made: {error}"
            continue
        done += 1
    if done:
        yield f"Made {done} thumbnails anew."


def _remove_derived(*, trusted: bool) -> Iterator[str]:
    """Remove what can be made again and belongs to nothing, as it is after originals were taken in."""
    found = stored_files.compare(trusted=trusted).unknown_derived
    names = sorted(set(found) - set(found_files.at_work(found)))
    for name in names:
        default_storage.delete(name)
    if names:
        yield f"Removed {len(names)} files that can be made again and belong to no image."


def _compare(dataset: Dataset, found: Verification) -> None:
    index = feature_specs.live_index(dataset)
    index.refresh_from_db()
    without = without_embedding(dataset, index.spec).count()
    if without:
        found.missing_embeddings += without
        found.problems.append(f"{without} images of {dataset.name} have no features.")
    held, stored, problem = _state(index)
    found.embeddings += len(stored)
    found.indexed += int(np.isin(held, stored).sum())
    found.unknown_indexed += int((~np.isin(held, stored)).sum())
    found.missing_indexed += int((~np.isin(stored, held)).sum())
    if problem:
        found.problems.append(problem)


def _state(index: SearchIndex) -> tuple[Ids, Ids, str]:
    """Return the ids that can be found, the ids stored, and what is wrong ("" for nothing)."""
    stored = np.fromiter(
        database_vectors.embeddings(index).order_by("pk").values_list("pk", flat=True).iterator(),
        dtype=np.int64,
    )
    try:
        backend().open_current(index.store_name)
    except IndexOutdatedError:
        pass  # nothing is lost or wrong: searches read the database until it is built anew
    except IndexDamagedError as error:
        return stored[:0], stored, error.detail
    snapshots.forget()
    live = snapshots.searchable(index)
    generation = live.generation.ids if live.generation is not None else stored[:0]
    candidates = np.union1d(generation, live.delta_ids)
    held = candidates[live.known(candidates)]
    if np.array_equal(held, stored):
        return held, stored, ""
    return (
        held,
        stored,
        f"{index} finds {len(held)} vectors, the database has {len(stored)}; run rebuild_index.",
    )
