"""Every list reads its page off an index, in order: nothing is scanned or sorted, on either database."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from gallery.browse.facets import facets
from gallery.browse.paging import datasets_by_name
from gallery.browse.where_text import where_text
from gallery.models import Dataset, FailedFile, Image, Job
from search.live.finding.filtering import allowed_rows
from search.models import Embedding, SearchIndex

pytestmark = pytest.mark.django_db

IMAGES, FAILED = Image.objects.order_by("pk"), FailedFile.objects.order_by("pk")
JOBS, EMBEDDINGS = Job.objects.order_by("-pk"), Embedding.objects.order_by("pk")
LISTS: dict[str, tuple[str, QuerySet[Any]]] = {
    "pictures of a dataset": ("image_by_dataset", IMAGES.filter(dataset=1, pk__gt=5)),
    "the page before": ("image_by_dataset", IMAGES.filter(dataset=1, pk__lt=5).order_by("-pk")),
    "pictures of a category": ("image_by_category", IMAGES.filter(dataset=1, category="cats", pk__gt=5)),
    "a window of all categories": (
        "image_by_category",
        IMAGES.filter(dataset=1, category__gte="cats").order_by("category", "pk"),
    ),
    "pictures of a label": ("image_by_label", IMAGES.filter(category="cats", pk__gt=5)),
    "pictures by an external id": ("image_by_external_id", IMAGES.filter(external_id="x", pk__gt=5)),
    "pictures by their content": ("image_by_sha256", IMAGES.filter(sha256="x", pk__gt=5)),
    "pictures by their file name": ("image_by_filename", IMAGES.filter(filename="x", pk__gt=5)),
    "failed files of a job": ("failure_by_job", FAILED.filter(job=1, pk__gt=5)),
    "jobs of a dataset": ("job_by_dataset", JOBS.filter(dataset=1, pk__lt=5)),
    "jobs in a state": ("job_of_state", JOBS.filter(state="failed", pk__lt=5)),
    "embeddings of an index": ("embedding_of_index", EMBEDDINGS.filter(dataset=1, spec=1, pk__gt=5)),
}


def plan_of(sql: str) -> str:
    """Return how the database would answer a query if its tables were large."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # PostgreSQL scans and sorts tables as small as a test's, unless that is made dear
            for way in ("seqscan", "sort", "incremental_sort", "bitmapscan"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
            cursor.execute(f"EXPLAIN {sql}")
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return "\n".join(str(row) for row in cursor.fetchall())


def read_in_order(plan: str, index: str) -> bool:
    """Whether a plan enters an index and neither scans nor sorts; SQLite's names the index that it must be.

    PostgreSQL chooses among those that fit by how many rows it has seen, and a test has none.
    """
    if connection.vendor == "postgresql":
        return "Index Cond" in plan and "Seq Scan" not in plan and "Sort" not in plan
    return f"INDEX {index} (" in plan and "TEMP B-TREE" not in plan and "SCAN" not in plan


@pytest.mark.parametrize("name", LISTS)
def test_a_page_of_a_list_is_read_off_an_index(name: str) -> None:
    index, rows = LISTS[name]
    with CaptureQueriesContext(connection) as asked:
        list(rows[:97])
    plan = plan_of(asked[0]["sql"])
    assert read_in_order(plan, index), plan


@pytest.mark.parametrize("backwards", [False, True])
def test_a_page_of_datasets_is_read_in_the_order_of_their_names(backwards: bool) -> None:
    with CaptureQueriesContext(connection) as asked:
        datasets_by_name({"before" if backwards else "after": "5:Cats"}, 24)
    plan = plan_of(asked[0]["sql"])
    assert read_in_order(plan, "dataset_by_name"), plan


OF_DATASET = "image_by_dataset (dataset_id=?)"
OF_LABEL = "image_by_category (dataset_id=? AND category=?)"
FILTERS = {
    "label:cats": OF_LABEL,
    "label:cats,dogs width>1": OF_LABEL,
    "no:label": OF_LABEL,
    "width>1": OF_DATASET,
    "-format:gif": OF_DATASET,
    "size<2mb orientation:square": OF_DATASET,
    "date:2026": OF_DATASET,
    "filename=cat.png": "image_by_filename (filename=?)",
    "filename:cat": OF_DATASET,
    "id:7": "one_image_per_external_id (dataset_id=? AND external_id=?)",
    "meta.a:1": OF_DATASET,
    "word:dog": OF_DATASET,
}


@pytest.mark.parametrize("text", FILTERS)
def test_what_a_filter_allows_is_found_within_its_dataset_and_read_off_an_index(text: str) -> None:
    with CaptureQueriesContext(connection) as asked:
        list(allowed_rows(SearchIndex(dataset_id=1, spec_id=1), where_text(text)))
    plan = plan_of(asked[-1]["sql"])
    if connection.vendor == "postgresql":
        assert "Index Cond" in plan, plan
        assert "Seq Scan" not in plan, plan
    else:
        assert "SCAN" not in plan, plan
        assert "search_embedding USING COVERING INDEX" in plan, plan
        assert f"INDEX {FILTERS[text]}" in plan, plan


def test_facets_are_counted_off_an_index() -> None:
    dataset = Dataset.objects.create(slug="mine", name="Mine")
    with CaptureQueriesContext(connection) as asked:
        facets(where_text("width>1"), [dataset.slug])
    plan = plan_of(next(one["sql"] for one in asked if "COUNT(" in one["sql"]))
    if connection.vendor == "postgresql":
        assert "Seq Scan" not in plan, plan
    else:
        # in the order of the rows: by the index of labels each would be fetched from another page
        assert f"gallery_image USING INDEX {OF_DATASET}" in plan, plan


def test_a_scan_would_be_seen() -> None:
    with CaptureQueriesContext(connection) as asked:
        list(Dataset.objects.filter(description="x").order_by("created_at"))
    assert not read_in_order(plan_of(asked[0]["sql"]), "dataset_by_name")
