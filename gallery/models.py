"""What we have: datasets, their images, small pictures of them, jobs, failed files, and who did what."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from gallery import job_labels
from gallery.accounts.models import AccessToken as AccessToken
from gallery.accounts.models import FailedAttempts as FailedAttempts
from gallery.errors import NotFoundError
from gallery.shown_rows import OfShownDatasets, ShownImages
from gallery.system import log_context
from gallery.system.models import AuditEntry as AuditEntry
from gallery.system.models import Backup as Backup
from gallery.system.models import Release as Release
from gallery.system.models import StorageMark as StorageMark
from gallery.words.models import SuggestedWord as SuggestedWord
from gallery.words.models import WordVerdict as WordVerdict


class TriggerField(models.BigIntegerField[int, int]):
    """A number that triggers keep: saving an older copy of a row leaves it as the database has it by now."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return what is written: the value of a new row, else the column itself."""
        return super().pre_save(model_instance, add) if add else F(self.attname)


class DatasetQuerySet(models.QuerySet["Dataset"]):
    """Datasets, found by their slug."""

    def open(self) -> DatasetQuerySet:
        """Return those that are not deleted: what is removed for good has been so before."""
        return self.filter(deleted_at=None)

    def in_bin(self) -> DatasetQuerySet:
        """Return those that lie in the bin; those that are being removed for good are gone from it."""
        return self.filter(deleted_at__isnull=False, closed_at=None)

    def called(self, slug: str) -> Dataset:
        """Return the dataset of a slug. Raises: NotFoundError."""
        found = self.filter(slug=slug).first()
        if found is None:
            raise NotFoundError(f"There is no dataset called {slug}.")
        return found


_DatasetRows = models.Manager.from_queryset(DatasetQuerySet)


class ShownDatasets(_DatasetRows["Dataset"]):
    """The datasets that there are for anybody: not in the bin, and not being removed."""

    def get_queryset(self) -> DatasetQuerySet:
        """Return the open ones."""
        return DatasetQuerySet(self.model, using=self._db).open()


class Dataset(models.Model):
    """A named collection of images, searched together.

    One that was deleted lies in the bin for a while, under another slug, so that a new one may have the slug
    it had (`gallery.ingest.removals.bin`). Before it is removed for good it is closed, and its row goes last
    (`gallery.ingest.removals.dataset_removal`). Of neither any list knows, and nothing is added to it.

    The database itself raises `revision` with every image that comes, goes or changes its category, see
    `gallery.counts.sql`. What is computed from the images keeps the revision it was computed at, and is out
    of date once the dataset has another one. A label that was changed and changed back counts as a change.
    """

    slug = models.SlugField(max_length=80, unique=True, help_text="Used in addresses and commands.")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    revision = TriggerField(default=0, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False, help_text="In the bin since then.")
    deleted_slug = models.SlugField(max_length=80, blank=True, editable=False, db_index=False)
    closed_at = models.DateTimeField(null=True, editable=False, help_text="When its removal for good began.")
    restorations = TriggerField(
        default=0, editable=False, help_text="How often images came back among those that stayed."
    )

    objects = ShownDatasets()
    everything = DatasetQuerySet.as_manager()  # those in the bin and those that are being removed as well

    class Meta:
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["name", "id"], name="dataset_by_name"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="dataset_in_bin"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the address of the dataset's page."""
        from django.urls import reverse

        return reverse("gallery:dataset", args=[self.slug])

    def current_revision(self) -> int:
        """Return the revision in the database; `revision` is the one of when this row was read."""
        return Dataset.everything.values_list("revision", flat=True).get(pk=self.pk)


def image_path(image: Image, filename: str) -> str:
    """Return where the original picture is stored: a name made of its content never changes."""
    return f"images/{image.dataset_id}/{image.sha256[:2]}/{filename}"


def thumbnail_path(image: Image, filename: str) -> str:
    """Return where the small picture is stored."""
    return f"thumbnails/{image.dataset_id}/{image.sha256[:2]}/{filename}"


# how the SHA-256 of an image begins whose files are being removed: the same bytes may come anew meanwhile
DOOMED = "-"
SHOWN_IMAGE = Q(deleted_at__isnull=True, missing_since__isnull=True)


class Image(models.Model):
    """One picture of a dataset; the same bytes are stored once a dataset.

    A row is hidden, and nothing else of it changes, while it lies in the bin or its file is not to be found.
    """

    # all indexes below but one begin with the dataset: it needs none of its own
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="images", db_index=False)
    sha256 = models.CharField(max_length=64)
    file = models.FileField(upload_to=image_path, max_length=200)
    thumbnail = models.FileField(upload_to=thumbnail_path, max_length=200)
    filename = models.CharField(max_length=500, help_text="The name it came with.")
    category = models.CharField(max_length=200, blank=True, help_text="Its label; empty when unknown.")
    # null, not empty, where there is none: databases hold any number of nulls to be different
    external_id = models.CharField(
        max_length=200, null=True, blank=True, default=None, help_text="What another system knows it by."
    )
    metadata = models.JSONField(default=dict, blank=True, help_text="What else is known of it, by name.")
    split = models.CharField(max_length=20, blank=True, help_text="Its part of the dataset, as “train”.")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size_bytes = models.PositiveBigIntegerField()
    format = models.CharField(max_length=10)
    note = models.CharField(
        max_length=200, blank=True, default="", help_text="How its file was read, where that is not as usual."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, editable=False, help_text="In the bin since then.")
    missing_since = models.DateTimeField(
        null=True, editable=False, help_text="When its file was first not to be found."
    )
    # no foreign key: it tells the imports of the moment apart, and outlives them
    import_id = models.BigIntegerField(null=True, editable=False, help_text="The job that brought it.")

    objects = ShownImages["Image"]()
    everything = models.Manager["Image"]()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "sha256"], name="one_image_per_content"),
            models.UniqueConstraint(
                fields=["dataset", "external_id"],
                condition=Q(external_id__isnull=False, deleted_at__isnull=True),
                name="one_image_per_external_id",
            ),
        ]
        indexes = [
            # they hold what is shown, which is what lists ask for
            models.Index(fields=["dataset", "id"], condition=SHOWN_IMAGE, name="image_by_dataset"),
            models.Index(
                fields=["dataset", "category", "id"], condition=SHOWN_IMAGE, name="image_by_category"
            ),
            models.Index(fields=["category", "id"], condition=SHOWN_IMAGE, name="image_by_label"),
            # how other systems look for an image whose number they do not know
            models.Index(fields=["sha256", "id"], condition=SHOWN_IMAGE, name="image_by_sha256"),
            models.Index(fields=["filename", "id"], condition=SHOWN_IMAGE, name="image_by_filename"),
            models.Index(
                fields=["external_id", "id"],
                condition=SHOWN_IMAGE & Q(external_id__isnull=False),
                name="image_by_external_id",
            ),
            models.Index(
                fields=["deleted_at", "id"], condition=Q(deleted_at__isnull=False), name="image_in_bin"
            ),
            models.Index(
                fields=["missing_since", "id"], condition=Q(missing_since__isnull=False), name="image_missing"
            ),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def is_shown(self) -> bool:
        """Whether the row itself is not hidden; its dataset may be."""
        return self.deleted_at is None and self.missing_since is None

    @property
    def labels(self) -> list[str]:
        """Its category and its further ones, none of them empty."""
        further = sorted(one.name for one in self.further.all())
        return [name for name in (self.category, *further) if name]


class FurtherCategory(models.Model):
    """One more category of an image beside its own: it is found by each of them."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="further", db_index=False)
    name = models.CharField(max_length=200)

    class Meta:
        ordering = ["image", "name"]
        verbose_name_plural = "further categories"
        constraints = [models.UniqueConstraint(fields=["image", "name"], name="one_row_per_further_category")]
        indexes = [models.Index(fields=["name", "image"], name="further_by_name")]

    def __str__(self) -> str:
        return self.name


class ImportSource(models.Model):
    """A folder or an archive of the server's that a dataset was imported from, and follows."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="sources", db_index=False)
    path = models.CharField(max_length=1000)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["dataset", "path"], name="one_row_per_source")]

    def __str__(self) -> str:
        return self.path


class SourceFile(models.Model):
    """A file of a source: the image that it was when it was imported last, and its labels then."""

    source = models.ForeignKey(ImportSource, on_delete=models.CASCADE, related_name="files", db_index=False)
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="source_files")
    name = models.CharField(max_length=500)
    labels = models.JSONField(default=list)
    split = models.CharField(max_length=20, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["source", "name"], name="one_row_per_source_file")]

    def __str__(self) -> str:
        return self.name


class Category(models.Model):
    """How many images of a dataset have a category, "" for those without; hidden ones are not counted.

    The database keeps these rows itself, see `gallery.counts.sql`: pages read them instead of counting.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="categories", db_index=False)
    name = models.CharField(max_length=200, blank=True)
    images = models.PositiveBigIntegerField()

    objects = models.Manager["Category"]()
    shown = OfShownDatasets["Category"]()

    class Meta:
        ordering = ["dataset", "name"]
        verbose_name_plural = "categories"
        constraints = [models.UniqueConstraint(fields=["dataset", "name"], name="one_row_per_category")]

    def __str__(self) -> str:
        return f"{self.name or 'no category'}: {self.images}"


def atlas_path(page: AtlasPage, filename: str) -> str:
    """Return where a page of small pictures is stored; another look gets another name."""
    return f"atlases/{page.dataset_id}/{filename}"


class AtlasPage(models.Model):
    """One of the pages on which the small pictures of a dataset lie side by side, in rows of cells.

    All pages but the last are full. A picture keeps its cell; that of one that is gone becomes a hole.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="atlas_pages")
    number = models.PositiveIntegerField(help_text="Counted from 0.")
    file = models.FileField(upload_to=atlas_path, max_length=200)
    image_ids = models.BinaryField(help_text="int64 little endian, cell after cell; 0 is a hole.")

    class Meta:
        ordering = ["dataset", "number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="one_atlas_page_per_number")
        ]

    def __str__(self) -> str:
        return f"page {self.number} of {self.dataset.slug}"


class Job(models.Model):
    """One piece of long work, its progress and its end.

    queued -> running -> succeeded | failed | cancelled; running -> queued when its worker died or after an
    error that may pass; failed | cancelled -> queued when somebody tries it again.
    The row is the truth and a Celery message only a hint to look at it: a job is begun by a
    conditional update, so a message that comes twice does nothing the second time.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        SUCCEEDED = "succeeded", "succeeded"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    ACTIVE = (State.QUEUED, State.RUNNING)

    # what `gallery.jobs.register` was told of when Django started
    kind = models.CharField(max_length=20, choices=job_labels.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    dataset = models.ForeignKey(
        Dataset, on_delete=models.CASCADE, related_name="jobs", null=True, blank=True, db_index=False
    )
    parameters = models.JSONField(default=dict, blank=True)
    result = models.JSONField(default=dict, blank=True)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="Files it could not use; the database counts them itself."
    )
    message = models.CharField(max_length=500, blank=True)
    error = models.TextField(blank=True)
    final = models.BooleanField(default=False, help_text="Its source is at fault: trying again is of no use.")
    attempts = models.PositiveIntegerField(default=0)
    consecutive_failures = models.PositiveIntegerField(
        default=0, help_text="Deaths of its worker and passing errors since it last got further."
    )
    max_done = models.PositiveBigIntegerField(default=0, help_text="The most that was ever done of it.")
    not_before = models.DateTimeField(null=True, blank=True, help_text="Rests until then.")
    worker = models.CharField(max_length=200, blank=True, help_text="host:pid:token of who runs it")
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    dispatched_at = models.DateTimeField(null=True, blank=True)
    publish_count = models.PositiveIntegerField(default=0, help_text="Messages sent since it was queued.")
    request_id = models.CharField(
        max_length=64, blank=True, default=log_context.request_id, help_text="The request that led to it."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["Job"]()
    shown = OfShownDatasets["Job"]()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["state", "-id"], name="job_of_state"),
            models.Index(fields=["dataset", "-id"], name="job_by_dataset"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"

    def get_absolute_url(self) -> str:
        """Return the address of the job's page."""
        from django.urls import reverse

        return reverse("gallery:job", args=[self.pk])

    @property
    def active(self) -> bool:
        """Whether the job still has work to do."""
        return self.state in self.ACTIVE

    @property
    def unlisted(self) -> dict[str, int]:
        """How many files beside those that are listed it could not use, by code of error, most first."""
        counts = self.result.get("unlisted", {})
        # PostgreSQL keeps no order of keys
        return dict(Counter(counts).most_common()) if isinstance(counts, dict) else {}

    @property
    def failed_count(self) -> int:
        """How many files it could not use, listed or not; a duplicate is none of them."""
        return self.failed + sum(count for code, count in self.unlisted.items() if code != "duplicate")

    @property
    def outcome(self) -> str:
        """The state, or "partly" where a job has ended well but for some files that it could not use."""
        partly = self.state == self.State.SUCCEEDED and self.failed_count > 0
        return "partly" if partly else self.state

    @property
    def outcome_label(self) -> str:
        """The outcome in words."""
        return "partly failed" if self.outcome == "partly" else self.get_state_display()

    @property
    def percent(self) -> int:
        """Progress from 0 to 100."""
        if self.state == self.State.SUCCEEDED:
            return 100
        return min(100, int(100 * self.done / self.total)) if self.total else 0


class WorkUnit(models.Model):
    """A range of ids that one worker has claimed of a job; the work units of a job go when it ends.

    A range is claimed by inserting its row: it begins behind the last one, and of two rows that begin at the
    same id the database keeps one. What a dead worker held is taken over by a conditional update.
    """

    class State(models.TextChoices):
        RUNNING = "running", "running"
        WAITING = "waiting", "waiting"
        DONE = "done", "done"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="work_units", db_index=False)
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    total = models.PositiveIntegerField(help_text="What there was to do in it when it was first claimed.")
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=200, blank=True)
    heartbeat_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["job", "first_id"]
        constraints = [
            models.UniqueConstraint(fields=["job", "first_id"], name="one_unit_begins_at_an_id"),
        ]
        indexes = [models.Index(fields=["job", "state"], name="unit_by_state")]

    def __str__(self) -> str:
        return f"{self.first_id} to {self.last_id} of job {self.job_id}"


class FailedFile(models.Model):
    """A file that a job could not use, with the reason in words."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="failed_files", db_index=False)
    image = models.ForeignKey(Image, on_delete=models.CASCADE, null=True, blank=True, related_name="failures")
    name = models.CharField(max_length=500)
    code = models.CharField(max_length=40)
    reason = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    retry = models.ForeignKey(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="retried_files",
        help_text="The job that tries it again.",
    )  # fmt: skip

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["job", "id"], name="failure_by_job")]
        constraints = [
            # a job that is run again after a crash lists each file once
            models.UniqueConstraint(fields=["job", "name", "code"], name="one_failure_per_file"),
            models.CheckConstraint(condition=~Q(reason=""), name="failure_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class DerivedFile(models.Model):
    """A stored file that can be made again from an image, kept while there is room (`DERIVED_FILES_MB`).

    The row is written after its file and goes before it: what a row points at is whole.
    """

    key = models.CharField(max_length=300, unique=True, help_text="What it is, and of what.")
    file = models.CharField(max_length=340, help_text="Its name in the storage.")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="derived_files")
    size_bytes = models.PositiveBigIntegerField()
    used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["used_at", "id"]
        indexes = [models.Index(fields=["used_at", "id"], name="derived_by_use")]

    def __str__(self) -> str:
        return self.key
