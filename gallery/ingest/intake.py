"""Takes in what a source yields: decoded on every core, stored in batches, handed to who observes imports."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.conf import settings

from gallery import jobs, signals
from gallery.errors import SemsearchError
from gallery.imaging.limits import image_limits
from gallery.ingest import storing
from gallery.ingest.failures import Failures
from gallery.ingest.following import Met, Tracker
from gallery.ingest.observers import ImportObserver
from gallery.ingest.sources.members import ArchiveMember, ArchiveProblem, UnreadableEntryError
from gallery.ingest.storing import DecodedImage, DuplicateError, PrepareOptions, StoreOptions
from gallery.models import Dataset
from gallery.system.concurrency.cores import usable_cores
from gallery.system.concurrency.read_ahead import Limits, read_ahead
from gallery.system.measuring.stage_timer import StageTimer

BATCH = 64
BATCH_BYTES = 64 * 2**20
AHEAD = 24  # pictures decoded or waiting for it, more where there are more cores
AHEAD_BYTES = 128 * 2**20

Members = Iterable[ArchiveMember | ArchiveProblem]


class ImportTooLongError(SemsearchError):
    """An import took more time than it may."""

    code = "import_too_long"


@dataclass
class Totals:
    """What an import did so far; `more` is what its observer and its clock have to tell."""

    images: int = 0
    duplicates: int = 0
    failed: int = 0
    splits: Counter[str] = field(default_factory=Counter)
    more: dict[str, object] = field(default_factory=dict)

    def as_result(self) -> dict[str, object]:
        """Return the counts as a job's result; the keys of `more` are those of whoever observes imports."""
        counts: dict[str, object] = {
            "images": self.images,
            "duplicates": self.duplicates,
            "failed": self.failed,
        }
        return counts | ({"splits": dict(self.splits)} if self.splits else {}) | self.more


@dataclass
class Intake:
    """Stores the images of one import as they are decoded, and hands them to its observer."""

    run: jobs.JobRun
    dataset: Dataset
    observer: ImportObserver | None
    clock: StageTimer
    writers: ThreadPoolExecutor
    failures: Failures
    tracker: Tracker
    counted: set[int] = field(default_factory=set)

    def take(self, members: Members) -> Totals:
        """Store them all. Raises: ImportTooLongError, when what came in time is stored."""
        totals = Totals()
        batch: list[DecodedImage] = []
        until = time.monotonic() + settings.IMPORT_TIMEOUT_S
        options = PrepareOptions.for_observer(image_limits(of_a_job=True), self.clock, self.observer)
        for seen, item in enumerate(_decoded(_timed(members, self.clock), options), start=1):
            if isinstance(item, DecodedImage):
                batch.append(item)
            else:
                name, error = item
                self.failures.add(name, error)
                totals.failed += 1
            is_late = time.monotonic() > until
            if len(batch) == BATCH or sum(len(image.data) for image in batch) > BATCH_BYTES or is_late:
                self._store(batch, totals)
                batch = []
            self.run.advance(seen)
            if is_late:
                raise ImportTooLongError(
                    f"The import took longer than the {settings.IMPORT_TIMEOUT_S:g} s of IMPORT_TIMEOUT_S. "
                    "The images it has stored stay; try it again for the others, or import them in parts."
                )
        if batch:
            self._store(batch, totals)
        return totals

    def _store(self, batch: list[DecodedImage], totals: Totals) -> None:
        self.run.touch()
        with self.clock.timed("store"):
            options = StoreOptions(self.writers, import_id=self.run.job.pk)
            stored = storing.store(self.dataset, batch, options)
        met = [Met(image, decoded, is_new=True) for image, decoded in stored.added]
        self.counted.update(image.pk for image, _ in stored.added)
        for decoded, existing in stored.duplicates:
            # a job resumed after a crash meets its own images again, each once: it added those
            own = existing.import_id == self.run.job.pk and existing.filename == decoded.name
            met.append(Met(existing, decoded, is_new=own and existing.pk not in self.counted))
            self.counted.add(existing.pk)
        added = [(one.image, one.decoded) for one in met if one.is_new]
        totals.images += len(added)
        totals.splits.update(one.decoded.split for one in met if one.decoded.split)
        totals.duplicates += len(met) - len(added)
        for copy in self.tracker.meet(met):
            self.failures.add(copy.decoded.name, DuplicateError(copy.image), copy.image)
        if self.observer is not None:
            self.observer.take([(image, decoded.payload) for image, decoded in added])
        elif added and self.run.job.parameters.get("announce", True):
            signals.announce_added(self.dataset, [image for image, _ in added])


def _timed(members: Members, clock: StageTimer) -> Iterator[ArchiveMember | ArchiveProblem]:
    """Yield members, counting the time it takes to read them."""
    reading = iter(members)
    while True:
        with clock.timed("read"):
            member = next(reading, None)
        if member is None:
            return
        yield member


def _decoded(
    members: Members, options: PrepareOptions
) -> Iterator[DecodedImage | tuple[str, SemsearchError]]:
    """Decode on every core, keeping the order, with no more than a few dozen images in memory."""

    def decode(member: ArchiveMember | ArchiveProblem) -> DecodedImage:
        if isinstance(member, ArchiveProblem):
            raise UnreadableEntryError(member.reason)
        return storing.prepare(member, options)

    def size(member: ArchiveMember | ArchiveProblem) -> int:
        return len(member.data) if isinstance(member, ArchiveMember) else 0

    limits = Limits(max(AHEAD, 8 * usable_cores()), AHEAD_BYTES)
    for member, decoded in read_ahead(decode, members, limits, size=size, threads_named="import"):
        try:
            yield decoded.result()
        except SemsearchError as error:
            yield member.name, error
