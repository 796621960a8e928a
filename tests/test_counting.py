"""The counts that the database keeps: true after every way of writing, and again after a migration."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gallery import counting
from gallery.models import Category, Dataset, FailedFile, Image, Job
from tests.experiment_rows import stored_images

pytestmark = pytest.mark.django_db


def shown() -> dict[str, int]:
    """Return the images by category as they are kept, after seeing that counting tells the same."""
    assert counting.kept() == counting.counted()
    return dict(Category.objects.values_list("name", "images"))


def test_images_that_come_go_and_change_their_label_are_counted(dataset: Dataset) -> None:
    ids = stored_images(dataset, ["cats", "dogs", "", "cats"])
    assert shown() == {"": 1, "cats": 2, "dogs": 1}
    Image.objects.filter(category="cats").update(category="dogs")
    assert shown() == {"": 1, "dogs": 3}
    image = Image.objects.get(pk=ids[0])
    image.category = "birds"
    image.save()
    assert shown() == {"": 1, "birds": 1, "dogs": 2}
    Image.objects.filter(pk__in=ids[2:]).delete()
    assert shown() == {"birds": 1, "dogs": 1}
    dataset.delete()
    assert shown() == {}


def test_an_update_of_something_else_moves_nothing(dataset: Dataset) -> None:
    stored_images(dataset, ["cats", "dogs"])
    Image.objects.update(width=7)
    assert shown() == {"cats": 1, "dogs": 1}


def test_what_an_insert_passes_over_is_not_counted(dataset: Dataset) -> None:
    stored_images(dataset, ["cats"])
    again = Image.objects.get()
    again.pk = None
    Image.objects.bulk_create([again], ignore_conflicts=True)
    assert shown() == {"cats": 1}


def test_what_is_rolled_back_was_never_counted(dataset: Dataset) -> None:
    stored_images(dataset, ["cats"])
    with transaction.atomic():
        stored_images(dataset, ["cats", "dogs"])
        transaction.set_rollback(True)
    assert shown() == {"cats": 1}


def test_the_failed_files_of_each_job_are_counted(dataset: Dataset) -> None:
    first, second = (Job.objects.create(kind=Job.Kind.IMPORT, dataset=dataset) for _ in range(2))
    FailedFile.objects.bulk_create(
        FailedFile(job=job, name=f"{number}.jpg", code="cut", reason="It is cut.")
        for number, job in enumerate((first, first, second))
    )
    assert list(Job.objects.order_by("pk").values_list("failed", flat=True)) == [2, 1]
    FailedFile.objects.filter(name="0.jpg").delete()
    assert list(Job.objects.order_by("pk").values_list("failed", flat=True)) == [1, 1]


def test_after_a_migration_everything_is_counted_anew_and_goes_on_being_counted(dataset: Dataset) -> None:
    app = apps.get_app_config("gallery")
    job = Job.objects.create(kind=Job.Kind.IMPORT, dataset=dataset)
    counting.remove_triggers(app, using="default", plan=["a migration"])
    stored_images(dataset, ["cats", "cats", "dogs"])
    FailedFile.objects.create(job=job, name="a.jpg", code="cut", reason="It is cut.")
    assert counting.kept() == {}
    counting.install_triggers(app, using="default")
    assert shown() == {"cats": 2, "dogs": 1}
    assert Job.objects.get().failed == 1
    stored_images(dataset, ["dogs"])
    assert shown() == {"cats": 2, "dogs": 2}


def test_sums_that_are_counted_in_parts_are_those_of_the_whole(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_images(dataset, ["cats", "dogs", "cats", ""] * 5)
    whole = counting.counted()
    monkeypatch.setattr(counting, "COUNTED_IDS", 3)
    assert counting.counted() == whole == counting.kept()


@pytest.mark.parametrize(
    "address", ["/datasets/", "/datasets/mine/", "/api/v1/datasets/", "/api/v1/datasets/mine/", "/jobs/"]
)
def test_no_page_counts_images_or_failed_files(address: str, dataset: Dataset, client: Client) -> None:
    stored_images(dataset, ["cats", "dogs"])
    job = Job.objects.create(kind=Job.Kind.IMPORT, dataset=dataset)
    FailedFile.objects.create(job=job, name="a.jpg", code="cut", reason="It is cut.")
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    counts = [query["sql"] for query in asked if "COUNT(" in query["sql"]]
    assert not [sql for sql in counts if "gallery_image" in sql or "gallery_failedfile" in sql]


PAGES_OF_ROWS: dict[str, QuerySet[Any]] = {
    "image_by_dataset": Image.objects.filter(dataset=1, pk__gt=5),
    "image_by_category": Image.objects.filter(dataset=1, category="cats", pk__gt=5),
    "image_by_label": Image.objects.filter(category="cats", pk__gt=5),
    "failure_by_job": FailedFile.objects.filter(job=1, pk__gt=5),
    "job_by_dataset": Job.objects.filter(dataset=1, pk__lt=5),
    "job_of_state": Job.objects.filter(state="failed", pk__lt=5),
}


@pytest.mark.parametrize("index", PAGES_OF_ROWS)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's query plans")
def test_a_page_of_rows_is_read_in_the_order_of_an_index(index: str) -> None:
    rows = PAGES_OF_ROWS[index]
    plan = rows.order_by("-pk" if rows.model is Job else "pk")[:97].explain()
    assert f"INDEX {index} " in plan
    assert "TEMP B-TREE" not in plan
    assert "SCAN" not in plan
