"""The pages of what we have: datasets, pictures, jobs, and the picture files themselves."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import PurePosixPath

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from gallery import jobs as job_rows
from gallery import media_folders
from gallery.access import gate, policies
from gallery.browse import renditions
from gallery.browse.csv_cells import CsvWriter
from gallery.browse.dataset_summaries import dataset_cards
from gallery.browse.paging import datasets_by_name, page_of
from gallery.errors import SemsearchError
from gallery.ingest import failures
from gallery.jobs import file_retries
from gallery.models import Category, Dataset, FailedFile, Image, Job, WorkUnit
from gallery.public_text import public_text
from gallery.system.storage import StorageUnavailableError, storage_errors

DATASETS_PER_PAGE = 24
IMAGES_PER_PAGE = 96
JOBS_PER_PAGE = 50
JOB_FILTERS = {"active": Job.ACTIVE, "failed": (Job.State.FAILED,)}
FAILED_FILES_PER_PAGE = 100
RECENT_JOBS = 5
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
    """Render one dataset: its categories, a page of its pictures, its latest jobs."""
    shown = get_object_or_404(Dataset, slug=slug)
    counts = Category.objects.filter(dataset=shown).order_by("name")
    categories = list(counts.values_list("name", "images"))
    category = request.GET.get("category")
    images = Image.objects.filter(dataset=shown)
    if category is not None:
        images = images.filter(category=category)
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
    """Render one picture, with the pictures before and after it in its dataset or category."""
    shown = get_object_or_404(Image.objects.select_related("dataset"), pk=pk, dataset__slug=slug)
    category = request.GET.get("category")
    siblings = Image.objects.filter(dataset=shown.dataset_id)
    if category is not None:
        siblings = siblings.filter(category=category)
    context = {
        "image": shown,
        "shown_url": renditions.address_of(shown.pk, shown.format, str(shown.file.name)),
        "in_browsers": renditions.is_needless(shown.format),
        "dataset": shown.dataset,
        "category": category,
        "previous": siblings.filter(pk__lt=pk).order_by("-pk").only("pk").first(),
        "next": siblings.filter(pk__gt=pk).order_by("pk").only("pk").first(),
        "failures": list(shown.failures.order_by("-id")[:3]),
    }
    return render(request, "gallery/image.html", context)


@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    """Render the list of jobs, the newest first: all, or those at work, or those that failed for good."""
    rows = Job.objects.select_related("dataset")
    shown = request.GET.get("show", "")
    if shown in JOB_FILTERS:
        rows = rows.filter(state__in=JOB_FILTERS[shown])
    context = {
        "page": page_of(rows, request.GET, JOBS_PER_PAGE, newest_first=True),
        "shown": shown if shown in JOB_FILTERS else "",
        **{name: Job.objects.filter(state__in=states).count() for name, states in JOB_FILTERS.items()},
    }
    return render(request, "gallery/jobs.html", context)


@require_safe
def job(request: HttpRequest, pk: int) -> HttpResponse:
    """Render one job with a page of the files it could not use."""
    shown = get_object_or_404(Job.objects.select_related("dataset"), pk=pk)
    failed = FailedFile.objects.filter(job=shown).select_related("image__dataset", "retry")
    context = {
        "job": shown,
        "most_of_a_kind": failures.MOST_OF_A_KIND,
        "page": page_of(failed, request.GET, FAILED_FILES_PER_PAGE),
        "retryable": job_rows.retryable(shown),
        "files_retryable": bool(shown.failed) and file_retries.retryable(shown),
        "workers": shown.work_units.filter(state=WorkUnit.State.RUNNING).count() if shown.active else 0,
    }
    return render(request, "gallery/job.html", context)


class _Echo:
    """Hands each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


@require_safe
def failed_csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """Send the files a job could not use, with the reasons, as CSV."""
    shown = get_object_or_404(Job.objects.only("pk", "result"), pk=pk)
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
    """Send a stored picture; nothing else of the storage can be reached from here."""
    pure = PurePosixPath(path)
    content_type = IMAGE_TYPES.get(pure.suffix.lower())
    inside = len(pure.parts) > 1 and media_folders.is_served(pure.parts[0])
    if not inside or content_type is None or posixpath.normpath(path) != path or "\\" in path or "\0" in path:
        raise Http404("no such picture")
    try:
        with storage_errors():
            opened = media_folders.opener_of(pure.parts[0]) or default_storage.open
            stored = opened(path)
    except StorageUnavailableError:
        return HttpResponse("The storage of the pictures does not answer.", status=503)
    except SemsearchError as error:  # a rendition that cannot be made now
        return HttpResponse(error.detail, content_type="text/plain; charset=utf-8", status=error.status)
    except (OSError, SuspiciousFileOperation) as error:
        raise Http404("no such picture") from error
    response = FileResponse(stored, content_type=content_type)
    who = "public" if settings.OPEN_READING else "private"
    # a file's name comes from its content, so what an address shows never changes
    response["Cache-Control"] = f"{who}, max-age=31536000, immutable"
    return response
