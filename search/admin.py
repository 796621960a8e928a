"""The read-only admin of feature specs, indexes and their generations, with what each build tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe

from gallery.admin import ReadOnlyAdmin
from search.indexing.build_report import build_report, figure, meaning_words
from search.models import Experiment, FeatureSpec, IndexBuild, ScoreCalibration, SearchIndex

LATEST_BUILDS = 10


class BuiltByJobsAdmin(ReadOnlyAdmin):
    """Rows that jobs make and replace: nothing of them is changed or deleted by hand."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: they go with their dataset."""
        return False

    class Media:
        css = {"all": ("css/admin/builds.css",)}


def _link(row: Any, words: str) -> str:
    """Return a link to a row's page of the admin."""
    page = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return format_html('<a href="{}">{}</a>', reverse(page, args=[row.pk]), words)


def _list_link(model: type[Any], words: str, **filters: Any) -> str:
    """Return a link to the list of a model, filtered."""
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query=filters)
    return format_html('<a href="{}">{}</a>', page, words)


def _published(index: SearchIndex) -> Mapping[str, object]:
    """Return the manifest of what serves of an index; empty before the first build."""
    return index.published.manifest if index.published else {}


class ManifestColumns:
    """Columns of a list that show figures of a manifest."""

    def manifest_of(self, row: Any) -> Mapping[str, object]:
        """Return the manifest of a row of the list."""
        raise NotImplementedError

    @admin.display(description="kind of index")
    def kind(self, row: Any) -> str:
        """Return the kind of index, which may be broken into lines after its commas."""
        parts = figure(self.manifest_of(row), "factory").split(",")
        return format_html_join(mark_safe(",<wbr>"), "{}", ((part,) for part in parts))

    @admin.display(description="recall at 10")
    def recall(self, row: Any) -> str:
        """Return the share of the true ten nearest that it finds."""
        return figure(self.manifest_of(row), "recall_at_10")

    @admin.display(description="median query")
    def query(self, row: Any) -> str:
        """Return the median time of a search."""
        return figure(self.manifest_of(row), "latency_ms_p50")

    @admin.display(description="memory a vector")
    def memory(self, row: Any) -> str:
        """Return what a vector takes in memory."""
        return figure(self.manifest_of(row), "bytes_per_vector")


@admin.register(FeatureSpec)
class FeatureSpecAdmin(BuiltByJobsAdmin):
    """Ways of turning an image into a vector, and what is made with them."""

    list_display = (
        "model", "layer", "pooling", "reduction", "input_size", "dims", "indexes", "experiments",
    )  # fmt: skip
    list_filter = ("model", "pooling", "reduction")
    search_fields = ("model", "layer", "fingerprint")
    ordering = ("model", "pk")
    fields = (
        "model", "layer", "pooling", "reduction", "reduction_digest", "input_size", "resize", "dims",
        "weights_digest", "fingerprint", "created_at", "indexes", "experiments",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[FeatureSpec]:
        """Tell of each how many indexes and experiments use it."""
        specs: QuerySet[FeatureSpec] = super().get_queryset(request)
        return specs.annotate(
            index_count=_rows_of_spec(SearchIndex), experiment_count=_rows_of_spec(Experiment)
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return all of them."""
        return self.fields

    @admin.display(description="indexes", ordering="index_count")
    def indexes(self, spec: Any) -> str:
        """Link to the indexes under this spec."""
        return _list_link(SearchIndex, f"{spec.index_count:,}", spec__id__exact=spec.pk)

    @admin.display(description="experiments", ordering="experiment_count")
    def experiments(self, spec: Any) -> str:
        """Return how many experiments used it."""
        return f"{spec.experiment_count:,}"


def _rows_of_spec(model: type[SearchIndex] | type[Experiment]) -> Coalesce:
    """Return how many rows of a model refer to the spec of the outer query."""
    own = model._default_manager.filter(spec=OuterRef("pk")).order_by().values("spec")
    return Coalesce(Subquery(own.annotate(n=Count("pk")).values("n")), 0)


@admin.register(SearchIndex)
class SearchIndexAdmin(ManifestColumns, BuiltByJobsAdmin):
    """Indexes with the figures of the generation that serves, and the latest builds of each."""

    list_display = (
        "dataset", "spec", "live", "embeddings", "kind", "recall", "query", "memory",
    )  # fmt: skip
    list_filter = ("live", "dataset", "spec__model")
    list_select_related = ("dataset", "spec")
    search_fields = ("dataset__name", "dataset__slug", "spec__model")
    ordering = ("dataset", "pk")
    fields = ("dataset_link", "spec_link", "live", "embeddings", "revision", "masked", "meaning", "builds")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SearchIndex]:
        """Bring the build that serves with each."""
        published = IndexBuild.objects.filter(state=IndexBuild.State.PUBLISHED).order_by("-id")
        indexes: QuerySet[SearchIndex] = super().get_queryset(request)
        return indexes.prefetch_related(Prefetch("builds", published, to_attr="published_builds"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return all of them."""
        return self.fields

    def manifest_of(self, row: SearchIndex) -> Mapping[str, object]:
        """Return the manifest of what serves."""
        return _published(row)

    @admin.display(description="dataset")
    def dataset_link(self, index: SearchIndex) -> str:
        """Link to the dataset."""
        return _link(index.dataset, index.dataset.name)

    @admin.display(description="feature spec")
    def spec_link(self, index: SearchIndex) -> str:
        """Link to the feature spec."""
        return _link(index.spec, str(index.spec))

    @admin.display(description="removed, still masked")
    def masked(self, index: SearchIndex) -> str:
        """Return how many removed vectors the generation that serves may still hold."""
        return f"{index.removed.count():,}"

    @admin.display(description="probability of hits")
    def meaning(self, index: SearchIndex) -> str:
        """Return how far off probabilities of hits are, or why there are none."""
        row = ScoreCalibration.objects.filter(index=index).first()
        return "not fitted yet" if row is None else meaning_words(row.values)

    @admin.display(description="builds")
    def builds(self, index: SearchIndex) -> str:
        """Link to all builds of this index."""
        return _list_link(IndexBuild, f"{index.builds.count():,}", index__id__exact=index.pk)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Show the index, its latest builds, and what serves of it."""
        context |= {
            "report": build_report(_published(obj)),
            "builds": obj.builds.order_by("-id").defer("manifest")[:LATEST_BUILDS],
        }
        return super().render_change_form(request, context, add, change, form_url, obj)


@admin.register(IndexBuild)
class IndexBuildAdmin(ManifestColumns, BuiltByJobsAdmin):
    """Generations of indexes: how each was built, what was tried, or why it failed."""

    list_display = (
        "id", "dataset", "spec", "state", "kind", "recall", "query", "started",
    )  # fmt: skip
    list_filter = ("state", "index__live", "index__dataset")
    list_select_related = ("index__dataset", "index__spec")
    search_fields = ("generation", "index__dataset__name", "index__dataset__slug")
    fields = ("index_link", "state", "generation", "error", "started_at", "finished_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return all of them."""
        return self.fields

    def manifest_of(self, row: IndexBuild) -> Mapping[str, object]:
        """Return the manifest of the build; empty before its end."""
        manifest: Mapping[str, object] = row.manifest
        return manifest

    @admin.display(description="dataset", ordering="index__dataset__name")
    def dataset(self, build: IndexBuild) -> str:
        """Return the name of the dataset."""
        return build.index.dataset.name

    @admin.display(description="feature spec")
    def spec(self, build: IndexBuild) -> str:
        """Return the feature spec in words."""
        return str(build.index.spec)

    @admin.display(description="started", ordering="started_at")
    def started(self, build: IndexBuild) -> str:
        """Return when it began, in few words."""
        return f"{build.started_at:%-d %b %Y, %H:%M}"

    @admin.display(description="index")
    def index_link(self, build: IndexBuild) -> str:
        """Link to the index."""
        return _link(build.index, str(build.index))

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Show the build and its manifest."""
        context["report"] = build_report(obj.manifest)
        return super().render_change_form(request, context, add, change, form_url, obj)
