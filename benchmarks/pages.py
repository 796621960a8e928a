"""Pages and lists of a dataset of a million pictures, beside the same ones of a dataset of a thousand.

The rows are made by SQL in a database of their own, on whatever server `DATABASE_URL` names; both datasets
lie in the same tables. No picture is stored: what is measured is how long the site takes to answer.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.core.management import call_command
from django.db import connection
from django.db.models import Max
from django.test import Client
from django.test.utils import override_settings

from benchmarks import rounds
from gallery.ingest.removals import removal
from gallery.models import Dataset, Image
from search.features.feature_specs import live_spec
from search.models import FeatureSpec, SearchIndex

COUNT, FEW = 1_000_000, 1_000
ROUNDS = 15
CATEGORIES = 8  # the smaller dataset fills a page with one as well
NOW = "2026-01-01 00:00:00+00:00"

SERIES = {
    "sqlite": """(WITH RECURSIVE n(i) AS
        (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n)""",
    "postgresql": "generate_series({first}::bigint, {count}) AS n(i)",
}
DIGEST = {"sqlite": "printf('%064x', i)", "postgresql": "lpad(to_hex(i), 64, '0')"}
IMAGES = """INSERT INTO gallery_image (dataset_id, sha256, file, thumbnail, filename, category, width, height,
    size_bytes, format, created_at, metadata, split, note)
    SELECT {dataset}, {digest}, 'images/' || {digest} || '.jpg', 'thumbnails/' || {digest} || '.webp',
        'picture ' || i || '.jpg', 'category ' || (i % {categories}), 640, 480, 100000,
        'JPEG', '{now}', '{{}}', '', ''
    FROM {series}"""
EMBEDDINGS = """INSERT INTO search_embedding (image_id, spec_id, dataset_id, vector, created_at)
    SELECT id, {spec}, dataset_id, {vector}, '{now}' FROM gallery_image
    WHERE dataset_id = {dataset} AND id > {last}"""
VECTOR = {"sqlite": "x'0000'", "postgresql": r"'\x0000'::bytea"}

# what is asked for; `middle` is the id of a picture in the middle of the dataset
PAGES = {
    "the pictures of a dataset": "/datasets/{slug}/",
    "a page in the middle": "/datasets/{slug}/?after={middle}",
    "a category of it": "/datasets/{slug}/?category=category+7",
    "a picture": "/datasets/{slug}/images/{middle}/",
    "search visualization": "/?dataset={slug}",
    "its grid, random": "/api/v1/images/grid/?dataset={slug}&seed=5",
    "its grid around a picture": "/api/v1/images/grid/?dataset={slug}&around={middle}",
    "its grid by category": "/api/v1/images/grid/?dataset={slug}&order=category&offset={half}",
    "embedding visualization": "/embeddings/?dataset={slug}",
    "API: the dataset": "/api/v1/datasets/{slug}/",
    "API: its images": "/api/v1/images/?dataset={slug}",
    "API: its images of a label": "/api/v1/images/?dataset={slug}&label=category+7",
}
# these show all datasets at once: they are compared with themselves before one of those grew
SITE = {"datasets": "/datasets/", "live search": "/live/", "jobs": "/jobs/", "metrics": "/metrics"}

# filters whose facets are counted, from all images to few
FACETED = ("", 'label:"category 7"', "width>=640", "-format:gif", "filename:99999", "date:2026", "width>640")


def pages(count: int = COUNT) -> dict[str, Any]:
    """Measure every page in turn; `ratio` is of the dataset's page that suffers most from its size."""
    call_command("collectstatic", verbosity=0, interactive=False)  # pages name their scripts by its manifest
    with own_database(), override_settings(ALLOWED_HOSTS=["*"]):
        spec = live_spec()
        few, many = (_new_dataset(slug, spec) for slug in ("thousand", "million"))
        before = _medians(SITE)
        _fill(many, spec, FEW + 1, count)
        client = Client()
        asked = {
            (name, dataset.slug): address.format(slug=dataset.slug, middle=_middle(dataset), half=size // 2)
            for name, address in PAGES.items()
            for dataset, size in ((few, FEW), (many, count))
        }
        first = {key: rounds.elapsed_ms(partial(_get, client, address)) for key, address in asked.items()}
        medians = _medians(asked)
        now = _medians(SITE)
        rows = [
            _row(name, medians[name, few.slug], medians[name, many.slug], first[name, many.slug])
            for name in PAGES
        ]
        of_all = [_row(name, before[name], now[name], now[name]) for name in SITE]
        facets = _facets(many)
        gaps = _with_gaps(many, asked["its grid, random", many.slug])
    worst = min(rows, key=lambda row: row["ratio"])
    return {
        "count": count,
        "compared_with": FEW,
        "database": connection.vendor,
        "slowest_page": worst["page"],
        "slowest_ms": worst["ms"],
        "slowest_of_few_ms": worst["of_few_ms"],
        "ratio": worst["ratio"],
        **gaps,
        "facets": facets,
        "pages": rows,
        "pages_of_all_datasets": of_all,
    }


@contextmanager
def own_database() -> Iterator[None]:
    """Work in an empty database beside the configured one, which is dropped at the end."""
    configured = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(str(configured), verbosity=0)


def _new_dataset(slug: str, spec: FeatureSpec) -> Dataset:
    dataset = Dataset.objects.create(slug=slug, name=slug)
    SearchIndex.objects.create(dataset=dataset, spec=spec, live=True)
    _fill(dataset, spec, 1, FEW)
    return dataset


def _fill(dataset: Dataset, spec: FeatureSpec, first: int, count: int) -> None:
    """Add the images from number `first` to number `count`, with embeddings."""
    print(f"pages: {count:,} rows are made", file=sys.stderr, flush=True)
    vendor = connection.vendor
    values = {
        "dataset": dataset.pk,
        "spec": spec.pk,
        "digest": DIGEST[vendor],
        "vector": VECTOR[vendor],
        "series": SERIES[vendor].format(first=first, count=count),
        "last": Image.objects.aggregate(last=Max("pk"))["last"] or 0,
        "categories": CATEGORIES,
        "now": NOW,
    }
    with connection.cursor() as cursor:
        cursor.execute(IMAGES.format(**values))
        cursor.execute(EMBEDDINGS.format(**values))
        cursor.execute("ANALYZE")


def _middle(dataset: Dataset) -> int:
    ends = [
        Image.objects.filter(dataset=dataset).order_by(key).values_list("pk", flat=True)[0]
        for key in ("pk", "-pk")
    ]
    return sum(ends) // 2


def _medians(asked: dict[Any, str]) -> dict[Any, float]:
    """Return the median milliseconds of each address, asked in turn."""
    client = Client()
    measures = {
        key: partial(rounds.elapsed_ms, partial(_get, client, address)) for key, address in asked.items()
    }
    return {key: statistics.median(values) for key, values in rounds.in_turn(measures, ROUNDS).items()}


def _get(client: Client, address: str) -> None:
    answer = client.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}.")


def _row(name: str, few_ms: float, many_ms: float, first_ms: float) -> dict[str, Any]:
    return {
        "page": name,
        "ms": round(many_ms, 2),
        "first_ms": round(first_ms, 2),
        "of_few_ms": round(few_ms, 2),
        "ratio": round(few_ms / many_ms, 2),
    }


def _facets(dataset: Dataset) -> list[dict[str, Any]]:
    """Return how long facets take with each filter, and which of them say that there are too many."""
    client = Client()
    found = []
    for where in FACETED:
        address = f"/api/v1/facets/?{urlencode({'dataset': dataset.slug, 'where': where})}"
        times = [rounds.elapsed_ms(partial(_get, client, address)) for _ in range(ROUNDS)]
        answers = client.get(address).json()["facets"]
        found.append(
            {
                "where": where,
                "ms": round(statistics.median(times), 1),
                "ms_max": round(max(times), 1),
                "many": ", ".join(one["field"] for one in answers if one["timed_out"]),
            }
        )
    return found


def _with_gaps(dataset: Dataset, address: str) -> dict[str, float]:
    """Return what the random grid takes once a picture is gone: the first time all ids are read."""
    removal.remove_images([_middle(dataset)])
    client = Client()
    first = rounds.elapsed_ms(partial(_get, client, address))
    return {
        "random_with_gaps_first_ms": round(first, 1),
        "random_with_gaps_ms": round(_medians({"grid": address})["grid"], 2),
    }
