"""Filters, counts and facets of a million images that differ in all that a filter compares.

The rows are made by SQL in a database of their own, on whatever server `DATABASE_URL` names, as wide as those
of an import. Every filter is asked three times over, as people ask it: for its facets, for the newest images
that it finds with how many there are, and for what a search may find.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.db import connection
from django.test import Client
from django.test.utils import override_settings

from benchmarks import rounds
from benchmarks.pages import DIGEST, NOW, SERIES, own_database
from gallery.browse.where import Where
from gallery.browse.where_text import where_text
from gallery.models import Dataset
from gallery.vocabulary.words import vocabulary
from search.features.feature_specs import live_spec
from search.live.finding.filtering import NEAR, allowed_among, few_allowed
from search.models import Embedding, FeatureSpec, SearchIndex

COUNT = 1_000_000
ROUNDS = 5
ALLOWED_MS = 300
LABELS, FORMATS = 500, ("JPEG", "JPEG", "JPEG", "PNG", "WEBP", "GIF")

# a label is spread over the whole table, not in one place as an import of folders leaves it
IMAGES = """INSERT INTO gallery_image (dataset_id, sha256, file, thumbnail, filename, category, width, height,
        size_bytes, format, created_at, metadata, split, note, external_id)
    SELECT {dataset}, {digest}, 'images/1/' || {digest} || '.jpg', 'thumbnails/1/' || {digest} || '.webp',
        'IMG_' || i || '.jpg', CASE WHEN i % 10 = 0 THEN '' ELSE 'label ' || (i * 7919 % {labels}) END,
        320 + i * 104729 % 4000, 320 + i * 1299709 % 4000, 10000 + i * 15485863 % 9000000, {format}, {moment},
        {metadata}, '', '', CASE WHEN i % 2 = 0 THEN 'shop-' || i END
    FROM {series}"""
FORMAT = "CASE i % 6 " + " ".join(f"WHEN {n} THEN '{name}'" for n, name in enumerate(FORMATS)) + " END"
METADATA = {
    "sqlite": "json_object('camera', 'X' || (i % 40), 'iso', 100 * (1 + i % 64), 'year', 1990 + i % 35)",
    "postgresql": "jsonb_build_object('camera', 'X' || (i % 40), 'iso', 100 * (1 + i % 64), "
    "'year', 1990 + i % 35)",
}
MOMENT = {  # over two years
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S', '2025-01-01', '+' || (i * 63 % 63072000) || ' seconds')",
    "postgresql": "timestamptz '2025-01-01 00:00:00+00' + (i * 63 % 63072000) * interval '1 second'",
}
FURTHER = """INSERT INTO gallery_furthercategory (image_id, name)
    SELECT id, 'tag ' || (id % 50) FROM gallery_image WHERE id % 10 = 3"""
CLASSES = "CREATE TEMPORARY TABLE seen_class (place integer PRIMARY KEY, key integer)"
WORDS = """INSERT INTO gallery_suggestedword (image_id, dataset_id, key, confidence)
    SELECT image.id, dataset_id, seen_class.key, {share} FROM gallery_image AS image
    JOIN seen_class ON place = (image.id * {step}) % 1000"""
# the second is never sure enough to be shown
SEEN = (("31", "image.id * 7919 % 10000"), ("37 + 1", "200 + image.id * 7907 % 2000"))
EMBEDDINGS = """INSERT INTO search_embedding (image_id, spec_id, dataset_id, vector, created_at)
    SELECT id, {spec}, dataset_id, {vector}, '{now}' FROM gallery_image"""
VECTOR = {"sqlite": "zeroblob({bytes})", "postgresql": "decode(repeat('00', {bytes}), 'hex')"}

FILTERS = (
    'label:"label 7"',
    'label:"tag 3"',
    '-label:"label 7"',
    "no:label",
    "word:dog",
    "-word:dog",
    "has:word",
    "width>=640",
    "width>4300",
    "size<2mb",
    "date:2026-03",
    "date>=2025-02",
    "orientation:portrait",
    "orientation:square",
    "format:png",
    "-format:gif",
    "filename:99999",
    "filename:jpg",
    "filename=IMG_77.jpg",
    "id:shop-500000",
    "has:external_id",
    "-id:shop-500000",
    "meta.camera:X7",
    "meta.iso>=6400",
    "meta.iso>=800",
    "-meta.camera:X7",
    "no:meta.lens",
    'label:"label 7","label 9" width>=640 -format:gif meta.iso>=800',
)


def filters(count: int = COUNT) -> dict[str, Any]:
    """Measure every filter; `slowest_ms` is what took longest of all, and `over` how many took too long."""
    with own_database(), override_settings(ALLOWED_HOSTS=["*"]):
        index = _filled(count)
        client = Client()
        rows = [
            {"asked": asked, "where": text, **_measured(work, said)}
            for text in ("", *FILTERS)
            for asked, work, said in _ways(client, index, text)
        ]
    slowest = max(rows, key=lambda row: row["ms_max"])
    return {
        "count": count,
        "database": connection.vendor,
        "allowed_ms": ALLOWED_MS,
        "slowest": f"{slowest['asked']} of {slowest['where'] or 'all'}",
        "slowest_ms": slowest["ms_max"],
        "over": sum(row["ms_max"] > ALLOWED_MS for row in rows),
        "filters": rows,
    }


def _filled(count: int) -> SearchIndex:
    """Store a dataset of so many images with labels, words and embeddings."""
    print(f"filters: {count:,} rows are made", file=sys.stderr, flush=True)
    spec = live_spec()
    dataset = Dataset.objects.create(slug="million", name="A million")
    index = SearchIndex.objects.create(dataset=dataset, spec=spec, live=True)
    for statement in statements(dataset, spec, count):
        with connection.cursor() as cursor:
            cursor.execute(statement)
    with connection.cursor() as cursor:
        # as the database leaves it by itself after a while
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    return index


def statements(dataset: Dataset, spec: FeatureSpec, count: int) -> list[str]:
    """Return what fills the tables with so many images."""
    vendor = connection.vendor
    values: dict[str, Any] = {
        "dataset": dataset.pk,
        "digest": DIGEST[vendor],
        "labels": LABELS,
        "format": FORMAT,
        "moment": MOMENT[vendor],
        "metadata": METADATA[vendor],
        "series": SERIES[vendor].format(first=1, count=count),
    }
    numbered = ", ".join(f"({place}, {key})" for place, key in enumerate(vocabulary().classes))
    return [
        IMAGES.format(**values),
        FURTHER,
        CLASSES,
        f"INSERT INTO seen_class VALUES {numbered}",
        *(WORDS.format(step=step, share=share) for step, share in SEEN),
        EMBEDDINGS.format(spec=spec.pk, now=NOW, vector=VECTOR[vendor].format(bytes=2 * spec.dims)),
    ]


def _ways(
    client: Client, index: SearchIndex, text: str
) -> list[tuple[str, Callable[[], Any], Callable[[Any], str]]]:
    """Return the ways to ask a filter: a name, what asks, and what its answer says."""
    slug = index.dataset.slug
    facets = f"/api/v1/facets/?{urlencode({'dataset': slug, 'where': text})}"
    document = {"where": text, "datasets": [slug], "k": 50} if text else {"datasets": [slug], "k": 50}
    listed = partial(client.post, "/api/v1/search/", json.dumps(document), "application/json")
    ways: list[tuple[str, Callable[[], Any], Callable[[Any], str]]] = [
        ("facets", partial(client.get, facets), _given_up),
        ("listing", listed, _counted),
    ]
    if text:
        where = where_text(text)
        ways.append(("search", partial(_allowed, index, where), str))
    return ways


def _allowed(index: SearchIndex, where: Where) -> str:
    """Ask what a search may find: all that the filter allows, or what it allows of as many as are nearest."""
    few = few_allowed(index, where)
    if few is not None:
        return f"{len(few):,}"
    last = Embedding.objects.filter(dataset=index.dataset_id).order_by("-pk").values_list("pk", flat=True)[0]
    near = np.linspace(1, last, NEAR[0]).astype(np.int64)
    return f"many, {len(allowed_among(near, index, where)):,} of {len(near):,}"


def _given_up(answer: Any) -> str:
    fields = answer.json()["facets"]
    return ", ".join(one["field"] for one in fields if one["timed_out"]) or "all counted"


def _counted(answer: Any) -> str:
    if answer.status_code != 200:
        return f"{answer.status_code}: {answer.json()['error']['detail']}"
    found = answer.json()
    return "many" if found["many"] else f"{found['searched']:,}"


def _measured(work: Callable[[], Any], said: Callable[[Any], str]) -> dict[str, Any]:
    answers: list[Any] = []
    first, *times = [rounds.elapsed_ms(lambda: answers.append(work())) for _ in range(1 + ROUNDS)]
    return {
        "first_ms": round(first, 1),
        "ms": round(statistics.median(times), 1),
        "ms_max": round(max(first, *times), 1),
        "said": said(answers[-1]),
    }
