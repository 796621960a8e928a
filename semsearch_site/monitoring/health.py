"""Tells machines whether the site is alive, and whether it is ready."""

from __future__ import annotations

import os

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from gallery.access import gate, policies
from gallery.api.errors import say_once
from gallery.models import Image
from gallery.system.home import disk_space, homes, storage_mark
from gallery.system.storage import storage_errors
from gallery.version import VERSION
from semsearch_site.monitoring.readiness import (
    LOADING,
    Finding,
    NotReadyError,
    Part,
    Readiness,
    StillLoadingError,
)

LOOKED_FOR = 2  # of the first images, and of the last


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that the process is alive."""
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when all parts of the site are ready, else 503; within a second, see `readiness`.

    Who may read learns which of them is not, and what that means; who may administrate, what is wrong.
    """
    found = READINESS.findings()
    ready = all(finding.ready for finding in found.values())
    answer: dict[str, object] = {"ready": ready}
    # without the database nobody can be looked up
    known = found["database"].ready
    if gate.lets_in(policies.READING, request) if known else settings.OPEN_READING:
        answer["version"] = VERSION
        in_full = known and not ready and gate.lets_in(policies.DETAILS, request)
        answer |= {name: _word(found[name], in_full=in_full) for name in IN_A_WORD}
        answer["engine"] = _engine()
        answer["parts"] = {name: _told(finding, in_full=in_full) for name, finding in found.items()}
    say_once(request)  # `readiness` says what changes
    response = JsonResponse(answer, status=200 if ready else 503)
    response["Cache-Control"] = "no-store"
    return response


def troubles() -> list[str]:
    """Return a sentence on each part of the site that was not ready lately; waits for nothing."""
    return [finding.sentence for finding in READINESS.known().values() if not finding.ready]


def _word(finding: Finding, *, in_full: bool) -> str:
    if finding.ready:
        return "ready"
    return finding.error if in_full else "not ready"


def _told(finding: Finding, *, in_full: bool) -> dict[str, str]:
    told = {"state": "ready" if finding.ready else "not ready", "detail": finding.sentence}
    return told | ({"error": finding.error} if in_full and finding.error else {})


def _database() -> str:
    with connection.cursor() as cursor:
        # SQLite counts to one without its file
        connection.introspection.table_names(cursor)
    return "It answers."


def _schema() -> str:
    home = homes.read()
    homes.refuse_newer(home)
    homes.refuse_older(home)
    return "It is of this version."


def _broker() -> str:
    from semsearch_site.celery import app

    with app.connection_for_write(connect_timeout=2) as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
    return "It takes messages."


def _storage() -> str:
    """Look for the mark and the files of a few images: a folder that is not mounted has none of them."""
    if wrong := storage_mark.amiss():
        raise NotReadyError(
            "The storage of images seems to be away: what is there is not that of this site.", inner=wrong
        )
    rows = Image.objects.order_by("pk").values_list("thumbnail", flat=True)
    some = [*rows[:LOOKED_FOR], *rows.reverse()[:LOOKED_FOR]]
    with storage_errors():
        default_storage.exists("images")
        found = not some or any(default_storage.exists(name) for name in some)
    if not found:
        raise NotReadyError(
            "The storage has none of the images that were looked for: the right one may not be mounted.",
            inner=f"looked for {some[0]}",
        )
    return "It answers."


def _disk() -> str:
    home = settings.SEMSEARCH_HOME
    if found := disk_space.shortage():
        raise NotReadyError(
            "The disk has too little free space or can only be read: nothing is stored meanwhile.",
            inner=found.inner,
        )
    if not os.access(home, os.W_OK):
        raise NotReadyError("The state folder cannot be written to.", inner=str(home))
    return "There is free space."


def _index() -> str:
    from search.indexing import inspection
    from search.indexing.backends import backend

    backend().ready()
    if damaged := inspection.damaged():
        each = ", ".join(f"that of {index.dataset.name} is {wrong.state}" for index, wrong in damaged)
        raise NotReadyError(
            f"Indexes are built anew: {each}. Until then searches read an older one, or the database.",
            inner=" ".join(wrong.detail for _, wrong in damaged),
        )
    return "What was built is whole, as far as it was looked at."


def _model() -> str:
    from search.extractors.feature_extractor import live_config
    from search.features import loaded_extractors
    from search.models import FeatureSpec

    if LOADING.is_set():
        raise StillLoadingError("Networks and indexes are being loaded.")
    specs = FeatureSpec.objects.filter(indexes__live=True, indexes__dataset__deleted_at=None).distinct()
    configs = {live_config(), *(spec.config for spec in specs)}
    for config in configs:
        loaded_extractors.require_known(config.model)
    for config in configs:
        loaded_extractors.extractor(config)
    return "The networks of live search are loaded."


# Each is looked up by its name when it is called: a test puts another in its place.
READINESS = Readiness(
    {
        "database": Part(lambda: _database(), "The database does not answer."),
        "schema": Part(lambda: _schema(), "Whether the database is of this version is not known."),
        "broker": Part(lambda: _broker(), "The message broker does not answer: jobs wait for it."),
        "storage": Part(lambda: _storage(), "The storage of images does not answer."),
        "disk": Part(lambda: _disk(), "How much space is free on the disk is not known."),
        "index": Part(lambda: _index(), "The indexes cannot be looked at."),
        "model": Part(lambda: _model(), "The networks of live search are not loaded."),
    }
)
# what the answer has always said in a word; `parts` says more
IN_A_WORD = ("database", "broker", "index", "model")


def _engine() -> str:
    """Return what runs the default network here, for example openvino-bf16; "" before it is loaded."""
    from search.features import loaded_extractors

    loaded = loaded_extractors.loaded()
    return loaded.engine_name if loaded else ""
