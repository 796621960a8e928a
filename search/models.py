"""How it is found: feature specs, embeddings, indexes and their generations, experiments, projections."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property

from gallery.models import Dataset, Image
from gallery.shown_rows import OfShownDatasets
from search.saved.models import SavedExample as SavedExample
from search.saved.models import SavedSearch as SavedSearch
from search.types import FeatureConfig


class FeatureSpecManager(models.Manager["FeatureSpec"]):
    """Finds or stores the row of a configuration."""

    def for_config(self, config: FeatureConfig) -> FeatureSpec:
        """Return the row of this exact configuration, made at first use."""
        values = json.dumps(config.as_values(), sort_keys=True)
        fingerprint = hashlib.sha256(values.encode()).hexdigest()
        return self.get_or_create(fingerprint=fingerprint, defaults=asdict(config))[0]


class FeatureSpec(models.Model):
    """One way of turning a picture into a vector; the columns are those of `FeatureConfig`."""

    fingerprint = models.CharField(max_length=64, unique=True)
    model = models.CharField(max_length=100)
    layer = models.CharField(max_length=100)
    pooling = models.CharField(max_length=20)
    reduction = models.CharField(max_length=100, blank=True)
    reduction_digest = models.CharField(max_length=64, blank=True)
    input_size = models.PositiveIntegerField()
    resize = models.CharField(max_length=20)
    weights_digest = models.CharField(max_length=64)
    dims = models.PositiveIntegerField()
    tuning = models.CharField(max_length=64, blank=True, help_text="Of a Tuning; empty where none is used.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[FeatureSpecManager] = FeatureSpecManager()

    def __str__(self) -> str:
        tuned = " tuned" if self.tuning else ""
        return f"{self.model} {self.layer} {self.pooling} {self.input_size}px {self.dims}d{tuned}"

    @cached_property
    def config(self) -> FeatureConfig:
        """The plain value of this row, which never changes."""
        return FeatureConfig(**{name: getattr(self, name) for name in FeatureConfig.__dataclass_fields__})


class Embedding(models.Model):
    """The vector of one image under one feature spec; its primary key is the FAISS id."""

    # found by the indexes below, which begin with it, as the dataset is
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="embeddings", db_index=False)
    # never looked up alone
    spec = models.ForeignKey(FeatureSpec, on_delete=models.PROTECT, related_name="embeddings", db_index=False)
    # repeats image.dataset, so that an index is read without a join
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="embeddings", db_index=False)
    vector = models.BinaryField(help_text="float16, little endian, not centred, as the network gave it")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image", "spec"], name="one_embedding_per_image_and_spec")
        ]
        indexes = [
            # with the image, so that what a filter allows is found without a row, which is large
            models.Index(fields=["dataset", "spec", "id", "image"], name="embedding_of_index")
        ]

    def __str__(self) -> str:
        return f"embedding {self.pk} of image {self.image_id}"


class HiddenEmbedding(models.Model):
    """The vector of an image that is hidden, set aside until the image is shown again or goes.

    No index, count or job knows of it. When the image comes back its vector does under another key, as one
    that was made in that moment: an index that serves takes in what is newer than it, and masks what is gone.
    """

    image = models.ForeignKey(
        Image, on_delete=models.CASCADE, related_name="hidden_embeddings", db_index=False
    )
    spec = models.ForeignKey(FeatureSpec, on_delete=models.PROTECT, related_name="+", db_index=False)
    vector = models.BinaryField(help_text="As it stood in the embedding.")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["image", "spec"], name="one_hidden_embedding_per_image_and_spec")
        ]

    def __str__(self) -> str:
        return f"hidden embedding of image {self.image_id}"


class SearchIndex(models.Model):
    """The index of one dataset under one feature spec; one of a dataset's indexes is live."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="indexes")
    spec = models.ForeignKey(FeatureSpec, on_delete=models.PROTECT, related_name="indexes")
    live = models.BooleanField(default=False, help_text="Answers live searches of its dataset.")
    revision = models.PositiveBigIntegerField(
        default=0, help_text="Grows with every change of its embeddings."
    )
    embeddings = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="How many there are; the database counts them itself."
    )

    objects = models.Manager["SearchIndex"]()
    shown = OfShownDatasets["SearchIndex"]()

    class Meta:
        verbose_name_plural = "search indexes"
        constraints = [
            models.UniqueConstraint(fields=["dataset", "spec"], name="one_index_per_dataset_and_spec"),
            models.UniqueConstraint(
                fields=["dataset"], condition=Q(live=True), name="one_live_index_per_dataset"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset.slug}: {self.spec}"

    @property
    def store_name(self) -> str:
        """The folder of this index below the index root."""
        return f"{self.dataset_id}-{self.spec_id}"

    @property
    def published(self) -> IndexBuild | None:
        """The build of the generation that serves, or None before the first one."""
        prefetched: list[IndexBuild] | None = getattr(self, "published_builds", None)
        if prefetched is not None:
            return prefetched[0] if prefetched else None
        return self.builds.filter(state=IndexBuild.State.PUBLISHED).first()


class ScoreCalibration(models.Model):
    """What the scores of an index mean, fitted on them as they were served at that time."""

    index = models.OneToOneField(SearchIndex, on_delete=models.CASCADE, related_name="calibration")
    values = models.JSONField(help_text="A search.index.calibration.Calibration.")
    generation = models.CharField(max_length=100, blank=True, help_text="Empty before the first one.")
    embeddings = models.PositiveBigIntegerField(help_text="How many there were.")
    labelled = models.PositiveBigIntegerField(help_text="How many images of the dataset had a category.")
    seconds = models.FloatField(help_text="To fit it.")
    fitted_at = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"calibration of index {self.index_id}"


class Tuning(models.Model):
    """What was learned of the labels of a dataset, on top of the vectors of one feature spec.

    `spec` is that of the tuned vectors; where the gain was within the noise none was made.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="tunings")
    base = models.ForeignKey(FeatureSpec, on_delete=models.PROTECT, related_name="tunings")
    spec = models.OneToOneField(
        FeatureSpec, on_delete=models.PROTECT, related_name="tuning_row", null=True, blank=True
    )
    centre = models.BinaryField(help_text="float32, little endian, (d,): what is subtracted first.")
    weights = models.BinaryField(help_text="float32, little endian, (d, categories).")
    usual = models.FloatField(
        default=0.0, help_text="The greatest likeness from which on likenesses count in full; 0: always."
    )
    categories = models.JSONField(help_text="Names of what is learned, in the order of the weights.")
    labels = models.PositiveIntegerField(help_text="How many images it was learned from.")
    labels_digest = models.CharField(max_length=64, help_text="Of the labels that it was learned from.")
    images_revision = models.BigIntegerField(help_text="Of its dataset when its labels were these.")
    seen_revision = models.BigIntegerField(
        default=0, help_text="Of its dataset when its labels were last looked at."
    )
    figures = models.JSONField(help_text="What was measured, as search.tuned.figures has it.")
    seconds = models.FloatField(help_text="To measure and to learn.")
    learned_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"tuning of {self.base} to {self.dataset.slug}"


class RemovedEmbedding(models.Model):
    """An embedding that is gone while a published generation may still hold its vector."""

    embedding_id = models.BigIntegerField(primary_key=True)
    index = models.ForeignKey(SearchIndex, on_delete=models.CASCADE, related_name="removed")
    removed_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"removed embedding {self.embedding_id}"


class IndexBuild(models.Model):
    """One generation of an index: how it was built and what was measured when it was verified."""

    class State(models.TextChoices):
        BUILDING = "building", "building"
        PUBLISHED = "published", "published"
        FAILED = "failed", "failed"

    index = models.ForeignKey(SearchIndex, on_delete=models.CASCADE, related_name="builds")
    state = models.CharField(max_length=10, choices=State.choices, default=State.BUILDING)
    generation = models.CharField(max_length=100, blank=True)
    manifest = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"generation {self.generation or '(none)'} of index {self.index_id}"


def matrix_path(matrix: FeatureMatrix, filename: str) -> str:
    """Return where a feature matrix is stored."""
    return f"features/{matrix.dataset_id}/{matrix.spec_id}/{filename}"


class FeatureMatrix(models.Model):
    """The vectors of some images of a dataset under one spec, in an immutable file that experiments read.

    The features of a dataset are the rows of all its matrices together; rows of images that are gone
    are passed over when they are read.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="matrices")
    spec = models.ForeignKey(FeatureSpec, on_delete=models.PROTECT, related_name="matrices")
    file = models.FileField(upload_to=matrix_path, max_length=200)
    count = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["dataset", "spec", "id"], name="matrix_of_features")]

    def __str__(self) -> str:
        return f"{self.count} vectors of {self.spec}"


class Experiment(models.Model):
    """Every image of a dataset searches among the others, with one feature spec and one metric."""

    class Metric(models.TextChoices):
        COSINE = "cosine", "cosine"
        EUCLIDEAN = "euclidean", "euclidean"
        INNER_PRODUCT = "inner_product", "inner product"
        MANHATTAN = "manhattan", "Manhattan"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="experiments")
    spec = models.ForeignKey(FeatureSpec, on_delete=models.PROTECT, related_name="experiments")
    metric = models.CharField(max_length=20, choices=Metric.choices)
    images = models.PositiveIntegerField()
    images_revision = models.BigIntegerField(
        help_text="Of its dataset when it was computed; another one now: stale."
    )
    k = models.PositiveIntegerField(help_text="How many first neighbours the precisions look at.")
    weighted_precision = models.FloatField(null=True, blank=True, help_text="Mean, 0 to 1.")
    precision = models.FloatField(null=True, blank=True, help_text="Mean, 0 to 1.")
    average_precision = models.FloatField(null=True, blank=True, help_text="Mean (mAP), 0 to 1.")
    extract_ms = models.FloatField(null=True, blank=True, help_text="The network up to the layer, a picture.")
    categories = models.JSONField(default=list, blank=True, help_text="Scores of each category.")
    confusion = models.JSONField(default=list, blank=True, help_text="Categories of the first k neighbours.")
    computed_at = models.DateTimeField(auto_now=True)

    objects = models.Manager["Experiment"]()
    shown = OfShownDatasets["Experiment"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "spec", "metric"], name="one_experiment_per_dataset_spec_and_metric"
            )
        ]

    def __str__(self) -> str:
        return f"{self.dataset.slug}: {self.spec}, {self.metric}"


class ExperimentQuery(models.Model):
    """What one image found in an experiment: its nearest neighbours, and how many of them are right."""

    experiment = models.ForeignKey(
        Experiment, on_delete=models.CASCADE, related_name="queries", db_index=False
    )
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="experiment_queries")
    neighbours = models.BinaryField(help_text="Image ids, int64 little endian, nearest first.")
    scores = models.BinaryField(help_text="float32 little endian, higher is nearer.")
    weighted_precision = models.FloatField(null=True, blank=True)
    precision = models.FloatField(null=True, blank=True)
    average_precision = models.FloatField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["experiment", "image"], name="one_query_per_experiment_and_image")
        ]

    def __str__(self) -> str:
        return f"image {self.image_id} in experiment {self.experiment_id}"


def projection_path(projection: Projection, filename: str) -> str:
    """Return where the places of a projection are stored."""
    return f"projections/{projection.dataset_id}/{projection.spec_id}/{filename}"


class Projection(models.Model):
    """The map of a dataset under one spec: a place in two dimensions for each image, and how good it is.

    The places are in an immutable file: image ids (n,) int64 ascending, points (n, 2) float32 and
    clusters (n,) uint16. Images that are gone are passed over when it is read.
    """

    class Method(models.TextChoices):
        UMAP = "umap", "UMAP"
        TSNE = "tsne", "t-SNE"
        PCA = "pca", "PCA"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="projections")
    spec = models.ForeignKey(FeatureSpec, on_delete=models.PROTECT, related_name="projections")
    method = models.CharField(max_length=10, choices=Method.choices)
    parameters = models.JSONField(help_text="Those that concern the method.")
    digest = models.CharField(
        max_length=64, help_text="Of the parameters; databases differ in comparing JSON."
    )
    file = models.FileField(upload_to=projection_path, max_length=200)
    count = models.PositiveIntegerField()
    fitted = models.PositiveIntegerField(help_text="Images the map was fitted on; the others were placed.")
    images_revision = models.BigIntegerField(
        help_text="Of its dataset when it was computed; another one now: stale."
    )
    trustworthiness = models.FloatField(help_text="0 to 1.")
    neighbour_agreement = models.FloatField(help_text="0 to 1.")
    separation = models.FloatField(null=True, blank=True, help_text="Of the categories; null without labels.")
    weighted_separation = models.FloatField(null=True, blank=True, help_text="Times the trustworthiness.")
    seconds = models.FloatField(help_text="To lay it out and to judge it.")
    computed_at = models.DateTimeField(auto_now=True)

    objects = models.Manager["Projection"]()
    shown = OfShownDatasets["Projection"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "spec", "method", "digest"],
                name="one_projection_per_dataset_spec_method_and_parameters",
            )
        ]

    def __str__(self) -> str:
        return f"{self.dataset.slug}: {self.get_method_display()} of {self.spec}"
