"""Tells machines whether the site is alive, whether it is ready, and how it fares."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import connection
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse

from gallery.access import gate, policies
from gallery.models import Category, Dataset, Job

logger = logging.getLogger(__name__)


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that the process is alive."""
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when database, broker, index and model are ready, else 503.

    Who may read learns which of them is not; who may administrate, what is wrong with it; the log says both.
    """
    parts = {"database": _database, "broker": _broker, "index": _index, "model": _model}
    errors = {name: _tried(check) for name, check in parts.items()}
    ready = not any(errors.values())
    answer: dict[str, object] = {"ready": ready}
    if gate.lets_in(policies.READING, request):
        in_full = not ready and gate.lets_in(policies.DETAILS, request)
        answer |= {
            name: (error if in_full else "not ready") if error else "ready" for name, error in errors.items()
        }
        answer["engine"] = _engine()
    return JsonResponse(answer, status=200 if ready else 503)


def _tried(check: Callable[[], None]) -> str:
    """Return what is wrong, "" when nothing is."""
    try:
        check()
    except Exception as error:  # whatever is wrong is the answer
        words = f"{type(error).__name__}: {error}"
        logger.warning("Not ready: %s", words)
        return words
    return ""


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _broker() -> None:
    from semsearch_site.celery import app

    with app.connection_for_write(connect_timeout=2) as broker:
        broker.ensure_connection(max_retries=1, timeout=2)


def _index() -> None:
    from search.indexing import backends, snapshots
    from search.models import SearchIndex

    backends.backend().ready()
    for index in SearchIndex.shown.select_related("spec").filter(live=True):
        snapshots.searchable(index)


def _model() -> None:
    from search.features import feature_specs, loaded_extractors

    loaded_extractors.extractor(feature_specs.live_spec().config)


def _engine() -> str:
    """Return what runs the default network here, for example openvino-bf16; "" before it is loaded."""
    from search.features import loaded_extractors

    loaded = loaded_extractors.loaded()
    return loaded.engine_name if loaded else ""


def metrics(request: HttpRequest) -> HttpResponse:
    """Return counts in Prometheus' text format, from those that the database keeps beside the rows."""
    from search.models import SearchIndex

    lines = []
    for name, count in (
        ("datasets", Dataset.objects.count()),
        ("images", Category.shown.aggregate(n=Sum("images"))["n"] or 0),
        ("embeddings", SearchIndex.shown.aggregate(n=Sum("embeddings"))["n"] or 0),
    ):
        lines += [f"# TYPE semsearch_{name} gauge", f"semsearch_{name} {count}"]
    lines.append("# TYPE semsearch_jobs gauge")
    counts = dict(Job.objects.order_by().values_list("state").annotate(Count("id")))
    lines += [f'semsearch_jobs{{state="{state}"}} {counts.get(state, 0)}' for state in Job.State.values]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4")
