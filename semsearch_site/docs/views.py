"""Shows the documents at `/docs/`, as `make docs` built them."""

from __future__ import annotations

import mimetypes
import posixpath
from pathlib import Path

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.utils._os import safe_join
from django.utils.http import http_date, parse_http_date_safe
from django.views.decorators.http import require_safe

INDEX = "index.html"


@require_safe
def document(request: HttpRequest, path: str) -> FileResponse | HttpResponse | HttpResponseNotModified:
    """Send a file of the built documents; where nothing is built, a page that says how to."""
    root = Path(settings.DOCS_ROOT)
    if not (root / INDEX).is_file():
        return render(request, "docs_missing.html", status=404 if path else 200)
    file = _within(root, path)
    written_s = int(file.stat().st_mtime)
    if (parse_http_date_safe(request.headers.get("If-Modified-Since", "")) or -1) >= written_s:
        return HttpResponseNotModified()
    response = FileResponse(file.open("rb"), content_type=_type_of(file))
    response["Last-Modified"] = http_date(written_s)
    # files keep their names when they are built anew: a browser asks each time, and mostly hears "the same"
    response["Cache-Control"] = f"{'public' if settings.OPEN_READING else 'private'}, no-cache"
    return response


def _within(root: Path, path: str) -> Path:
    """Return a file of the built documents. Raises: Http404 where there is none."""
    if "\0" in path or "\\" in path or (path and posixpath.normpath(path) != path.rstrip("/")):
        raise Http404("no such document")
    try:
        file = Path(safe_join(str(root), path)).resolve()
    except (SuspiciousFileOperation, OSError) as error:
        raise Http404("no such document") from error
    file = file / INDEX if file.is_dir() else file
    if not file.is_file() or not file.is_relative_to(root.resolve()):
        raise Http404("no such document")
    return file


def _type_of(file: Path) -> str:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
