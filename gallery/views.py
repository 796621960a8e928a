"""The pages of what we have: datasets, images, jobs, and the image files themselves."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from gallery import bin_notices, job_labels
from gallery import jobs as job_rows
from gallery.access import gate, policies
from gallery.browse import bin_contents, renditions
from gallery.browse.csv_cells import CsvWriter
from gallery.browse.dataset_summaries import dataset_cards, with_image_count
from gallery.browse.image_summaries import Addresses
from gallery.browse.labelled import labelled
from gallery.browse.paging import asked_id, datasets_by_name, page_of
from gallery.errors import SemsearchError
from gallery.ingest import failures
from gallery.ingest.removals import bin
from gallery.jobs import file_retries, queueing
from gallery.models import Category, Dataset, FailedFile, Image, Job, WorkUnit
from gallery.public_text import public_text
from gallery.system.home import media_folders
from gallery.system.storage import StorageUnavailableError, storage_errors

DATASETS_PER_PAGE = 24
IMAGES_PER_PAGE = 96
JOBS_PER_PAGE = 50
JOB_FILTERS = {"active": Job.ACTIVE, "failed": (Job.State.FAILED,)}
FAILED_FILES_PER_PAGE = 100
COPIES_SHOWN = 20
RECENT_JOBS = 5
# of a job's result, what its page shows in words of its own
TOLD_APART = ("unlisted", "left_out", "reasons", "notes")
BINNED_DATASETS = 100
IMAGE_TYPES = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".heic": "image/heic",
    ".ico": "image/x-icon",
    ".jp2": "image/jp2",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".pnm": "image/x-portable-anymap",
    ".psd": "image/vnd.adobe.photoshop",
    ".raw": "image/x-raw",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
}


@require_safe
def datasets(request: HttpRequest) -> HttpResponse:
    """Render the list of datasets."""
    page = datasets_by_name(request.GET, DATASETS_PER_PAGE)
    return render(request, "gallery/datasets.html", {"page": page, "cards": dataset_cards(page.rows)})


@require_safe
def dataset(request: HttpRequest, slug: str) -> HttpResponse:
    """Render one dataset: its categories, a page of its images, its latest jobs."""
    shown = get_object_or_404(Dataset, slug=slug)
    counts = Category.objects.filter(dataset=shown).order_by("name")
    categories = list(counts.values_list("name", "images"))
    category = request.GET.get("category")
    images = Image.objects.filter(dataset=shown)
    if category is not None:
        images = labelled(images, category)
    jobs = list(Job.objects.filter(dataset=shown).order_by("-id")[:RECENT_JOBS])
    context = {
        "dataset": shown,
        "categories": categories,
        "category": category,
        "labelled": sum(1 for name, _ in categories if name),
        "total": sum(images for _, images in categories),
        "page": page_of(images, request.GET, IMAGES_PER_PAGE),
        "jobs": jobs,
    }
    return render(request, "gallery/dataset.html", context)


@require_safe
def image(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Render one image, with the images before and after it in its dataset or category."""
    shown = get_object_or_404(Image.objects.select_related("dataset"), pk=pk, dataset__slug=slug)
    category = request.GET.get("category")
    siblings = Image.objects.filter(dataset=shown.dataset_id)
    if category is not None:
        siblings = labelled(siblings, category)
    context = {
        "image": shown,
        "shown_url": Addresses().shown(shown.pk, shown.format, str(shown.file.name)),
        "in_browsers": renditions.is_needless(shown.format),
        "dataset": shown.dataset,
        "category": category,
        "previous": siblings.filter(pk__lt=pk).order_by("-pk").only("pk").first(),
        "further": [name for name in shown.labels if name != shown.category],
        "next": siblings.filter(pk__gt=pk).order_by("pk").only("pk").first(),
        "failures": list(shown.failures.exclude(code="duplicate").order_by("-id")[:3]),
        # a list: a template would look for a key "items" first
        "metadata": [(name, _told(value)) for name, value in shown.metadata.items()],
    }
    return render(request, "gallery/image.html", context)


def _told(value: object) -> str:
    """Return a value of an image's metadata as a page shows it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    """Render the list of jobs, the newest first: all, or those at work, or those that failed for good."""
    rows = Job.shown.select_related("dataset")
    shown = request.GET.get("show", "")
    if shown in JOB_FILTERS:
        rows = rows.filter(state__in=JOB_FILTERS[shown])
    page = page_of(rows, request.GET, JOBS_PER_PAGE, newest_first=True)
    context = {
        "page": page,
        "shown": shown if shown in JOB_FILTERS else "",
        "retryable": {
            job.pk for job in page.rows if job.state == Job.State.FAILED and job_rows.retryable(job)
        },
        **{name: Job.shown.filter(state__in=states).count() for name, states in JOB_FILTERS.items()},
    }
    return render(request, "gallery/jobs.html", context)


@require_safe
def job(request: HttpRequest, pk: int) -> HttpResponse:
    """Render one job with a page of the files it could not use."""
    shown = get_object_or_404(Job.shown.select_related("dataset"), pk=pk)
    listed = FailedFile.objects.filter(job=shown).select_related("image__dataset", "retry")
    failed, copies = listed.exclude(code="duplicate"), listed.filter(code="duplicate")
    page = page_of(failed, request.GET, FAILED_FILES_PER_PAGE)
    context = {
        "job": shown,
        "about": job_labels.about(shown.kind),
        "ahead": queueing.ahead_of(shown),
        "most_of_a_kind": failures.MOST_OF_A_KIND,
        "page": page,
        "helpless": {file.pk for file in page.rows if not file_retries.may_help(file)},
        "retryable": job_rows.retryable(shown),
        "copies": list(copies[: COPIES_SHOWN + 1]) if shown.result.get("duplicates") else [],
        "copies_shown": COPIES_SHOWN,
        "left_out": shown.result.get("left_out", {}),
        "reasons": shown.result.get("reasons", {}),
        "notes": shown.result.get("notes", []),
        "figures": {
            re.sub("_s$", " (s)", name): value
            for name, value in shown.result.items()
            if name not in TOLD_APART
        },
        "files_retryable": bool(shown.failed) and _has_dataset(shown) and file_retries.retryable(shown),
        "workers": shown.work_units.filter(state=WorkUnit.State.RUNNING).count() if shown.active else 0,
    }
    return render(request, "gallery/job.html", context)


def _has_dataset(shown: Job) -> bool:
    """Whether the dataset of an import is there still: one that would be empty is not kept."""
    return shown.kind != job_rows.IMPORT or shown.dataset_id is not None


@require_POST
def delete_image(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Put an image into the bin; without one, once it is confirmed that it goes for good."""
    shown = get_object_or_404(Image.objects.select_related("dataset"), pk=pk, dataset__slug=slug)
    if settings.TRASH_DAYS == 0 and "sure" not in request.POST:
        return render(request, "gallery/bin_sure.html", {"count": 1, "address": request.path})
    bin.delete_images([shown.pk])
    messages.success(request, bin_notices.deleted_images(request, [shown.pk]))
    return redirect(shown.dataset)


@require_POST
def delete_dataset(request: HttpRequest, slug: str) -> HttpResponse:
    """Put a dataset into the bin; without one, once it is confirmed that it goes for good."""
    shown = get_object_or_404(with_image_count(Dataset.objects.filter(slug=slug)))
    if settings.TRASH_DAYS == 0 and "sure" not in request.POST:
        return render(request, "gallery/bin_sure.html", {"dataset": shown, "address": request.path})
    bin.delete_dataset(shown)
    messages.success(request, bin_notices.deleted_dataset(request, shown))
    return redirect("gallery:datasets")


@require_safe
def bin_page(request: HttpRequest) -> HttpResponse:
    """Render what lies in the bin: datasets, a page of images, and those whose file is missing."""
    missing = "missing" in request.GET
    rows = bin_contents.missing_images() if missing else bin_contents.binned_images()
    context = {
        "datasets": ()
        if missing
        else bin_contents.binned_datasets().order_by("-deleted_at")[:BINNED_DATASETS],
        "page": bin_contents.page(rows, request.GET, IMAGES_PER_PAGE),
        "size": bin_contents.size(),
        "missing": missing,
        "missing_count": bin_contents.missing_images().count(),
        "days": settings.TRASH_DAYS,
    }
    return render(request, "gallery/bin.html", context)


@require_POST
def bin_images(request: HttpRequest) -> HttpResponse:
    """Restore the images that are chosen, or remove them for good once that is confirmed."""
    chosen = [pk for text in request.POST.getlist("image") if (pk := asked_id({"image": text}, "image"))]
    if request.POST.get("action") == "restore":
        back = bin.restore_images(chosen)
        messages.success(request, bin_notices.restored_images(back))
    elif "sure" not in request.POST:
        return render(request, "gallery/bin_sure.html", {"images": chosen, "count": len(chosen)})
    else:
        messages.success(request, bin_notices.removed(bin.purge_images(chosen), "image"))
    return redirect("gallery:bin")


@require_POST
def bin_datasets(request: HttpRequest) -> HttpResponse:
    """Restore a dataset, or remove it for good once that is confirmed."""
    chosen = get_object_or_404(bin_contents.binned_datasets(), pk=asked_id(request.POST, "dataset"))
    if request.POST.get("action") == "restore":
        messages.success(request, bin_notices.restored_dataset(chosen, bin.restore_dataset(chosen.pk)))
    elif "sure" not in request.POST:
        return render(request, "gallery/bin_sure.html", {"dataset": chosen})
    else:
        bin.purge_dataset(chosen.pk)
        messages.success(request, bin_notices.removed(1, "dataset"))
    return redirect("gallery:bin")


class _Echo:
    """Hands each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


@require_safe
def failed_csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """Send the files a job could not use, with the reasons, as CSV."""
    shown = get_object_or_404(Job.shown.only("pk", "result"), pk=pk)
    rows = FailedFile.objects.filter(job=shown).order_by("pk").values_list("name", "code", "reason")
    in_full = gate.lets_in(policies.DETAILS, request)

    def lines() -> Iterator[str]:
        writer = CsvWriter(_Echo())
        yield str(writer.row(["name", "code", "reason"]))
        for name, code, reason in rows.iterator(chunk_size=1000):
            yield str(writer.row((name, code, reason if in_full else public_text(reason))))
        for code, count in shown.unlisted.items():
            why = f"Only the first {failures.MOST_OF_A_KIND} of a kind are listed."
            yield str(writer.row((f"({count} more files)", code, why)))

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="job-{pk}-failed.csv"'
    return response


@require_safe
def media(request: HttpRequest, path: str) -> FileResponse | HttpResponse:
    """Send a stored image; nothing else of the storage can be reached from here.

    What is hidden is sent to those who may look through the bin.
    """
    pure = PurePosixPath(path)
    content_type = IMAGE_TYPES.get(pure.suffix.lower())
    inside = len(pure.parts) > 1 and media_folders.is_served(pure.parts[0])
    if not inside or content_type is None or posixpath.normpath(path) != path or "\\" in path or "\0" in path:
        raise Http404("no such image")
    hidden = bin_contents.is_hidden(path)
    if hidden and not gate.lets_in(policies.BIN, request):
        raise Http404("no such image")
    try:
        with storage_errors():
            opened = media_folders.opener_of(pure.parts[0]) or default_storage.open
            stored = opened(path)
    except StorageUnavailableError:
        return HttpResponse("The storage of the images does not answer.", status=503)
    except SemsearchError as error:  # a rendition that cannot be made now
        return HttpResponse(error.detail, content_type="text/plain; charset=utf-8", status=error.status)
    except (OSError, SuspiciousFileOperation) as error:
        raise Http404("no such image") from error
    response = FileResponse(stored, content_type=content_type)
    who = "public" if settings.OPEN_READING else "private"
    # a file's name comes from its content, so what an address shows never changes
    response["Cache-Control"] = "no-store" if hidden else f"{who}, max-age=31536000, immutable"
    return response
