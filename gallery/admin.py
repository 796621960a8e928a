"""The admin of datasets, images and jobs, with the page that uploads a zip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename, get_user_model
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from gallery import bin_notices
from gallery.access import audit
from gallery.accounts import tokens
from gallery.browse.dataset_summaries import with_image_count
from gallery.forms import UploadForm
from gallery.ingest import datasets
from gallery.ingest.removals import bin
from gallery.models import (
    AccessToken,
    AuditEntry,
    Category,
    Dataset,
    FailedAttempts,
    FailedFile,
    Image,
    Job,
)  # fmt: skip


class CountedPaginator(Paginator[Any]):
    """Pages of rows whose number is known without counting them."""

    def __init__(self, *args: Any, known: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.count = known


class BoundedPaginator(Paginator[Any]):
    """Pages of a list that may be very long: its rows are counted up to a limit, and shown up to there."""

    MOST = 10_000

    @cached_property
    def count(self) -> int:
        """Return how many rows there are, or MOST where there are more."""
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[: self.MOST].count()


# what in the address of a list says how it is shown, not which rows
SHOWN_HOW = {"p", "o", "all", "e"}


@admin.register(Dataset)
class DatasetAdmin(admin.ModelAdmin[Dataset]):
    """Datasets; pictures come in by uploading a zip."""

    list_display = ("name", "slug", "images_shown", "created_at")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dataset]:
        """Tell of each how many images it has."""
        return with_image_count(super().get_queryset(request))

    @admin.display(description="images", ordering="image_count")
    def images_shown(self, dataset: Any) -> int:
        """Return how many images the dataset has."""
        count: int = dataset.image_count
        return count

    def get_urls(self) -> list[URLPattern]:
        """Add the upload page."""
        upload = path("upload/", self.admin_site.admin_view(self.upload), name="gallery_dataset_upload")
        return [upload, *super().get_urls()]

    def upload(self, request: HttpRequest) -> HttpResponse:
        """Take a zip and queue its import; the job's page shows the rest."""
        if not request.user.has_perms(["gallery.add_dataset", "gallery.add_image"]):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            job = form.enqueue()
            messages.success(request, "The file is uploaded; its images are being imported.")
            return HttpResponseRedirect(reverse("gallery:job", args=[job.pk]))
        context = self.admin_site.each_context(request) | {
            "form": form,
            "title": "Upload images",
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/gallery/dataset/upload.html", context)

    def get_deleted_objects(
        self, objs: QuerySet[Dataset] | Sequence[Dataset], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Say in numbers what goes with datasets: the rows may be millions, and some nobody deletes alone."""
        named = [f"{dataset.name}, with its images and all that was computed from them" for dataset in objs]
        images = Category.objects.filter(dataset__in=objs).aggregate(n=Sum("images"))["n"] or 0
        counts = {"images": images, "jobs": Job.objects.filter(dataset__in=objs).count()}
        refused = {
            str(model._meta.verbose_name)
            for model in (Image, Job)
            if not request.user.has_perm(f"gallery.{get_permission_codename('delete', model._meta)}")
        }
        return named, counts, refused, []

    def save_model(self, request: HttpRequest, obj: Dataset, form: Any, change: bool) -> None:
        """Store the dataset, with its entry in the audit."""
        datasets.save(obj)

    def delete_model(self, request: HttpRequest, obj: Dataset) -> None:
        """Put a dataset into the bin, and offer to take that back."""
        bin.delete_dataset(obj)
        messages.info(request, bin_notices.deleted_dataset(request, obj))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Dataset]) -> None:
        """Put datasets into the bin."""
        for dataset in queryset:
            self.delete_model(request, dataset)


@admin.register(Image)
class ImageAdmin(admin.ModelAdmin[Image]):
    """Images; they can be relabelled and deleted, not added."""

    list_display = ("preview", "filename", "dataset", "category", "width", "height", "created_at")
    list_filter = ("dataset",)
    search_fields = ("filename", "category")
    # programs set what other systems know an image by, and what they know of it
    readonly_fields = (
        "preview",
        "dataset",
        "filename",
        "external_id",
        "metadata",
        "sha256",
        "width",
        "height",
        "size_bytes",
        "format",
        "note",
    )
    fields = (
        "preview",
        "dataset",
        "filename",
        "category",
        "external_id",
        "metadata",
        "sha256",
        "width",
        "height",
        "size_bytes",
        "format",
        "note",
    )
    list_select_related = ("dataset",)
    show_full_result_count = False

    def get_paginator(
        self, request: HttpRequest, queryset: QuerySet[Image], *args: Any, **kwargs: Any
    ) -> Paginator[Any]:
        """Take the number of all images, or of a dataset's, from the counts that are kept."""
        asked = request.GET.dict()
        dataset = asked.pop("dataset__id__exact", None)
        if asked.keys() - SHOWN_HOW or not (dataset or "0").isdecimal():
            return super().get_paginator(request, queryset, *args, **kwargs)
        counts = Category.shown.filter(dataset=int(dataset)) if dataset else Category.shown.all()
        known = counts.aggregate(n=Sum("images"))["n"] or 0
        return CountedPaginator(queryset, *args, known=known, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: a picture comes with its file, through an upload."""
        return False

    @admin.display(description="image")
    def preview(self, image: Image) -> str:
        """Show the thumbnail."""
        return format_html('<img src="{}" alt="" width="60">', default_storage.url(image.thumbnail.name))

    def save_model(self, request: HttpRequest, obj: Image, form: Any, change: bool) -> None:
        """Store the label, with its entry in the audit: nothing else of an image is changed here."""
        datasets.label(obj, obj.category)

    def get_deleted_objects(
        self, objs: QuerySet[Image] | Sequence[Image], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Name images: what hangs on them goes into the bin with them."""
        may = self.has_delete_permission(request)
        named = [str(image) for image in objs]
        return named, {"images": len(named)}, set() if may else {"image"}, []

    def delete_model(self, request: HttpRequest, obj: Image) -> None:
        """Put an image into the bin, and offer to take that back."""
        self.delete_queryset(request, Image.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        """Put images into the bin, and offer to take that back."""
        ids = list(queryset.values_list("pk", flat=True))
        bin.delete_images(ids)
        messages.info(request, bin_notices.deleted_images(request, ids))


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Rows that programs write and people read; `deletion` is what the audit calls it when one is deleted."""

    deletion = ""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Enter deletions into the audit as well; called before they are made."""
        for row in queryset if self.deletion else ():
            audit.record(self.deletion, row)
        return super().log_deletions(request, queryset)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs and their progress."""

    deletion = "job.delete"
    list_display = ("id", "kind", "state", "dataset", "done", "total", "created_at", "page")
    list_filter = ("state", "kind", "dataset")
    list_select_related = ("dataset",)

    @admin.display(description="page")
    def page(self, job: Job) -> str:
        """Link to the job's page."""
        return format_html('<a href="{}">progress</a>', job.get_absolute_url())


@admin.register(FailedFile)
class FailedFileAdmin(ReadOnlyAdmin):
    """Files that could not be used."""

    deletion = "failed_file.delete"
    list_display = ("name", "reason", "job", "created_at")
    list_filter = ("code",)
    list_select_related = ("job",)
    search_fields = ("name",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[FailedFile]:
        """Leave out the copies of images that are here, which no count holds either."""
        return super().get_queryset(request).exclude(code="duplicate")

    def get_paginator(
        self, request: HttpRequest, queryset: QuerySet[FailedFile], *args: Any, **kwargs: Any
    ) -> Paginator[Any]:
        """Take the number of all failed files from the counts that are kept."""
        if request.GET.keys() - SHOWN_HOW:
            return super().get_paginator(request, queryset, *args, **kwargs)
        known = Job.objects.aggregate(n=Sum("failed"))["n"] or 0
        return CountedPaginator(queryset, *args, known=known, **kwargs)


@admin.register(AccessToken)
class AccessTokenAdmin(ReadOnlyAdmin):
    """Everybody's tokens; they can be revoked here, and made by their owners only."""

    list_display = ("name", "owner", "prefix", "may", "created_at", "expires_at", "last_used_at")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username", "prefix")
    fields = ("name", "owner", "prefix", "may", "created_at", "expires_at", "last_used_at")
    actions = ("revoke",)

    @admin.display(description="scopes")
    def may(self, token: AccessToken) -> str:
        """Name what it may be used for."""
        return ", ".join(token.scopes)

    def get_actions(self, request: HttpRequest) -> dict[str, tuple[Callable[..., str], str, str] | None]:
        """Leave out the action that deletes: it is called revoking."""
        return {name: row for name, row in super().get_actions(request).items() if name != "delete_selected"}

    @admin.action(description="Revoke the selected tokens", permissions=["delete"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[AccessToken]) -> None:
        """End tokens, each by the same function as its owner does."""
        for token in queryset:
            tokens.revoke(token)
        messages.success(request, "The tokens are revoked.")

    def delete_model(self, request: HttpRequest, obj: AccessToken) -> None:
        """End a token."""
        tokens.revoke(obj)


@admin.register(FailedAttempts)
class FailedAttemptsAdmin(ReadOnlyAdmin):
    """Who has guessed wrong lately; deleting a row lets them try again at once."""

    list_display = ("who", "failures", "last_at")
    search_fields = ("who",)

    def delete_model(self, request: HttpRequest, obj: FailedAttempts) -> None:
        """Forget the guesses of one row."""
        with transaction.atomic():
            audit.record("account.unlocked", obj.who)
            obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[FailedAttempts]) -> None:
        """Forget the guesses of several rows."""
        for row in queryset:
            self.delete_model(request, row)


class OfDataset(admin.SimpleListFilter):
    """Chooses entries of the audit by a dataset that is still there; the search finds those of others."""

    title = "dataset"
    parameter_name = "dataset"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the datasets by name."""
        return list(Dataset.objects.values_list("slug", "name")[:200])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the entries of the chosen one."""
        return queryset.filter(dataset=self.value()) if self.value() else queryset


class OfActor(admin.SimpleListFilter):
    """Chooses entries of the audit by an account that is still there; the search finds those of others."""

    title = "account"
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the accounts by name."""
        names = get_user_model().objects.order_by("username").values_list("username", flat=True)
        return [(name, name) for name in names[:200]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the entries of the chosen one."""
        return queryset.filter(actor=self.value()) if self.value() else queryset


class AppendOnlyAdmin(ReadOnlyAdmin):
    """Rows that nobody removes by hand either."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(AppendOnlyAdmin):
    """Who did what; the newest 10,000 entries of what is chosen and searched for."""

    list_display = ("at", "who", "action", "target", "dataset", "token", "address")
    list_filter = ("action", "at", OfActor, OfDataset)
    # each has an index: a million entries are not read for a search
    search_fields = ("actor__exact", "address__exact", "dataset__exact", "target__exact")
    search_help_text = "The whole name of an account, dataset, image, group or command, or an address."
    list_display_links = ("at",)
    show_full_result_count = False
    paginator = BoundedPaginator
    sortable_by = ()

    @admin.display(description="who")
    def who(self, entry: AuditEntry) -> str:
        """Return the name of who did it."""
        return entry.actor or "a stranger"
