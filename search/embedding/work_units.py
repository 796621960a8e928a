"""Extraction in work units: which images a worker claims of a dataset, and what is done with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef, QuerySet, Sum

from gallery.errors import SemsearchError
from gallery.jobs.work_units import Range, UnitRun
from gallery.models import Category, Dataset, FailedFile, Image, Job, WorkUnit
from search import job_kinds
from search.features import feature_specs, loaded_extractors, tunings
from search.models import Embedding, FeatureSpec, SearchIndex

READ_ROWS = 512
FEW_IMAGES = 10_000
# A unit is a sixteenth of what lies ahead, for several workers to end together, within these bounds: smaller
# ones leave the network without work too often, larger ones lose more time when their worker dies.
LEAST_IMAGES, MOST_IMAGES, UNITS_AHEAD = 64, 512, 16
EXTRACTING_KINDS = (job_kinds.EXTRACT, job_kinds.PROMOTE)


def without_embedding(dataset: Dataset, spec: FeatureSpec) -> QuerySet[Image]:
    """Return the images of a dataset that still lack an embedding, oldest first."""
    there = Embedding.objects.filter(image=OuterRef("pk"), spec=spec)
    return Image.objects.filter(~Exists(there), dataset=dataset).order_by("pk")


def index_of_job(job: Job) -> SearchIndex:
    """Return the index that a job extracts into: the one of its spec, else its dataset's live one.

    Of tuned vectors it is that of what they are made of.
    """
    assert job.dataset is not None
    spec_id = job.parameters.get("spec")
    if spec_id is None:
        return tunings.plain_index(feature_specs.live_index(job.dataset))
    spec = FeatureSpec.objects.get(pk=spec_id)
    return feature_specs.index_of(job.dataset, tunings.plain_spec(spec))


def missing_count(index: SearchIndex) -> int:
    """Return how many images of an index's dataset lack an embedding, by the counts in the database."""
    counts = Category.objects.filter(dataset=index.dataset_id)
    images: int = counts.aggregate(n=Sum("images"))["n"] or 0
    held = SearchIndex.objects.filter(pk=index.pk).values_list("embeddings", flat=True).first()
    return max(0, images - (held or 0))


def waiting_count(index: SearchIndex) -> int:
    """Return how many of them wait for an embedding, without those an extraction listed as unusable."""
    missing = missing_count(index)
    if not missing:
        return 0
    there = Embedding.objects.filter(image=OuterRef("image"), spec=index.spec_id)
    listed = FailedFile.objects.filter(image__dataset=index.dataset_id, job__kind__in=EXTRACTING_KINDS)
    listed = listed.filter(image__deleted_at=None, image__missing_since=None)
    unusable = listed.filter(~Exists(there)).values("image").distinct().count()
    return max(0, missing - unusable)


@dataclass
class ExtractionUnits:
    """An extraction into an index as one of its workers sees it."""

    job: Job
    index: SearchIndex
    stages: dict[str, float] = field(default_factory=dict)

    def missing(self) -> QuerySet[Image]:
        """Return the images that still lack an embedding: of the whole dataset, or of those the job names."""
        found = without_embedding(self.index.dataset, self.index.spec)
        chosen = self.job.parameters.get("images")
        return found.filter(pk__in=chosen) if chosen is not None else found

    def missing_count(self) -> int:
        """Return how many there are of them: of a whole dataset by the counts that the database keeps."""
        if "images" in self.job.parameters:
            return self.missing().count()
        return missing_count(self.index)

    def next_range(self, after: int) -> Range | None:
        """Return the next images behind an id that lack an embedding, or None."""
        first = self._first_missing() if not after else after + 1
        if first is None:
            return None
        after = first - 1
        newest = Image.objects.filter(dataset=self.index.dataset_id).order_by("-pk")
        ahead = (newest.values_list("pk", flat=True).first() or 0) - after
        size = min(MOST_IMAGES, max(LEAST_IMAGES, ahead // UNITS_AHEAD))
        free = self.missing().filter(pk__gt=after)
        for first, last in self._held_by_other_jobs():
            free = free.exclude(pk__gte=first, pk__lte=last)
        ids = list(free.values_list("pk", flat=True)[:size])
        return Range(ids[-1], len(ids)) if ids else None

    def _first_missing(self) -> int | None:
        """Return an id that none of them is below, or None where there is none.

        A few are looked for from the newest picture backwards: a picture that has just come is then not
        sought among a million that were embedded long ago.
        """
        count = self.missing_count()
        if count > FEW_IMAGES:
            return 1
        newest = self.missing().order_by("-pk").values_list("pk", flat=True)[:count]
        return min(newest, default=None)

    def _held_by_other_jobs(self) -> list[tuple[int, int]]:
        """Return the ranges that workers hold of other jobs into the same index: pictures that came later."""
        others = Job.objects.filter(
            dataset=self.index.dataset_id,
            kind__in=EXTRACTING_KINDS,
            state__in=Job.ACTIVE,
        ).exclude(pk=self.job.pk)
        same = [job.pk for job in others if index_of_job(job).pk == self.index.pk]
        held = WorkUnit.objects.filter(job__in=same, state=WorkUnit.State.RUNNING)
        return list(held.values_list("first_id", "last_id")) if same else []

    def do(self, run: UnitRun) -> None:
        """Give the images of a unit embeddings, from what is missing."""
        from search.embedding import pipeline

        unit = run.unit
        missing = self.missing().filter(pk__gte=unit.first_id, pk__lte=unit.last_id)
        # what an earlier worker of this unit has done of it
        before = max(0, unit.total - missing.count())
        failures = 0

        def failed(image: Image, error: SemsearchError) -> bool:
            nonlocal failures
            listed = run.fail_file(image.filename, error, image)
            failures += listed
            return listed

        def done(count: int) -> None:
            run.advance(before + count - failures, failures)

        network = loaded_extractors.extractor(self.index.spec.config)
        callbacks = pipeline.ProgressCallbacks(failed, done)
        found = pipeline.embed_stored(by_keyset(missing), self.index, network, callbacks)
        for name, seconds in found.stages.items():
            self.stages[name] = round(self.stages.get(name, 0.0) + seconds, 2)
        run.finish(before + found.stored, found.failed)


def by_keyset(missing: QuerySet[Image]) -> Iterator[Image]:
    """Yield images in bounded memory."""
    last = 0
    while rows := list(missing.filter(pk__gt=last).only("pk", "file", "filename")[:READ_ROWS]):
        yield from rows
        last = rows[-1].pk
