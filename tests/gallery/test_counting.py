"""The counts that the database keeps: true after every way of writing, and again after a migration."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gallery import jobs
from gallery.counts import counting
from gallery.models import Category, Dataset, FailedFile, Image, Job
from search import counting as search_counting
from search.models import Embedding, FeatureSpec, SearchIndex
from search.types import FeatureConfig
from tests.support.experiment_rows import stored_images

pytestmark = pytest.mark.django_db

SWAPPED = ((0, "dogs"), (1, "cats"))


def shown() -> dict[str, int]:
    """Return the images by category as they are kept, after seeing that counting tells the same."""
    assert counting.stored_counts() == counting.computed_counts()
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


def test_counting_anew_what_did_not_change_leaves_the_revision(dataset: Dataset) -> None:
    stored_images(dataset, ["cats", "dogs"])
    before = dataset.current_revision()
    counting.recount()
    assert dataset.current_revision() == before


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


@pytest.mark.parametrize(
    "change",
    [
        lambda ids: Image.objects.filter(pk=ids[0]).update(category="dogs"),
        lambda ids: Image.objects.filter(pk=ids[0]).delete(),
        lambda ids: stored_images(Dataset.objects.get(slug="mine"), ["cats"]),
        lambda ids: Image.objects.filter(pk=ids[0]).update(dataset=Dataset.objects.create(slug="new")),
        # the counts stay as they are
        lambda ids: [Image.objects.filter(pk=ids[n]).update(category=name) for n, name in SWAPPED],
    ],
    ids=["another label", "gone", "new", "in another dataset", "labels swapped"],
)
def test_every_change_of_the_images_gives_their_dataset_another_revision(
    change: Callable[[list[int]], object], dataset: Dataset
) -> None:
    other = Dataset.objects.create(slug="other", name="Other")
    stored_images(other, ["cats"])
    ids = stored_images(dataset, ["cats", "dogs"])
    before, untouched = dataset.current_revision(), other.current_revision()
    change(ids)
    assert dataset.current_revision() > before
    assert other.current_revision() == untouched


def test_an_image_that_moves_gives_both_datasets_another_revision(dataset: Dataset) -> None:
    other = Dataset.objects.create(slug="other", name="Other")
    ids = stored_images(dataset, ["cats", "dogs"])
    before = dataset.current_revision(), other.current_revision()
    Image.objects.filter(pk=ids[0]).update(dataset=other)
    assert dataset.current_revision() > before[0]
    assert other.current_revision() > before[1]


def test_a_label_that_is_changed_and_changed_back_is_a_change(dataset: Dataset) -> None:
    (pk,) = stored_images(dataset, ["cats"])
    before = dataset.current_revision()
    for category in ("dogs", "cats"):
        Image.objects.filter(pk=pk).update(category=category)
    assert dataset.current_revision() > before


def test_what_changes_no_image_and_no_label_leaves_the_revision(dataset: Dataset) -> None:
    stored_images(dataset, ["cats"])
    before = dataset.current_revision()
    Image.objects.update(width=7, category="cats")
    again = Image.objects.get()
    again.save()
    again.pk = None
    Image.objects.bulk_create([again], ignore_conflicts=True)
    with transaction.atomic():
        stored_images(dataset, ["dogs"])
        transaction.set_rollback(True)
    assert dataset.current_revision() == before


def test_saving_an_older_copy_of_a_dataset_takes_no_revision_back(dataset: Dataset) -> None:
    older = Dataset.objects.get(pk=dataset.pk)
    stored_images(dataset, ["cats"])
    older.name = "Renamed"
    older.save()
    dataset.refresh_from_db()
    assert dataset.name == "Renamed"
    assert dataset.revision > 0


@pytest.mark.django_db(transaction=True)
def test_two_transactions_that_add_to_the_same_categories_wait_for_each_other_and_both_count(
    dataset: Dataset,
) -> None:
    """In opposite order: without the lock of the dataset each would hold what the other waits for."""

    def add(number: int, category: str) -> None:
        image = Image(pk=number, dataset=dataset, sha256=f"{number:064x}", category=category)
        image.width = image.height = image.size_bytes = 1
        image.save(force_insert=True)

    begun = threading.Event()

    def other() -> None:
        try:
            with transaction.atomic():
                begun.set()
                add(3, "dogs")
                add(4, "cats")
        finally:
            connection.close()

    before = dataset.current_revision()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            add(1, "cats")
            second = pool.submit(other)
            # SQLite lets no other begin meanwhile
            begun.wait(0.5)
            time.sleep(0.5)  # until it waits for this one
            add(2, "dogs")
        second.result(60)
    assert shown() == {"cats": 2, "dogs": 2}
    assert dataset.current_revision() == before + 4


def test_the_failed_files_of_each_job_are_counted(dataset: Dataset) -> None:
    first, second = (Job.objects.create(kind=jobs.IMPORT, dataset=dataset) for _ in range(2))
    FailedFile.objects.bulk_create(
        FailedFile(job=job, name=f"{number}.jpg", code="cut", reason="It is cut.")
        for number, job in enumerate((first, first, second))
    )
    FailedFile.objects.create(job=first, name="twin.jpg", code="duplicate", reason="It is here.")
    assert list(Job.objects.order_by("pk").values_list("failed", flat=True)) == [2, 1]
    FailedFile.objects.filter(name="0.jpg").delete()
    assert list(Job.objects.order_by("pk").values_list("failed", flat=True)) == [1, 1]


def test_after_a_migration_everything_is_counted_anew_and_goes_on_being_counted(dataset: Dataset) -> None:
    app = apps.get_app_config("gallery")
    job = Job.objects.create(kind=jobs.IMPORT, dataset=dataset)
    counting.TRIGGERS.remove(app, using="default", plan=["a migration"])
    stored_images(dataset, ["cats", "cats", "dogs"])
    FailedFile.objects.create(job=job, name="a.jpg", code="cut", reason="It is cut.")
    assert counting.stored_counts() == {}
    before = dataset.current_revision()
    counting.TRIGGERS.put(app, using="default")
    assert shown() == {"cats": 2, "dogs": 1}
    assert dataset.current_revision() > before
    assert Job.objects.get().failed == 1
    stored_images(dataset, ["dogs"])
    assert shown() == {"cats": 2, "dogs": 2}


def embeddings_kept() -> list[int]:
    """Return how many embeddings each index has as it is kept, after seeing that counting tells the same."""
    kept = list(SearchIndex.objects.order_by("pk").values_list("embeddings", flat=True))
    search_counting.recount()
    assert list(SearchIndex.objects.order_by("pk").values_list("embeddings", flat=True)) == kept
    return kept


def embed(images: list[int], dataset: Dataset, spec: FeatureSpec) -> None:
    """Give images embeddings, those that have one keeping it."""
    rows = [Embedding(image_id=pk, spec=spec, dataset=dataset, vector=b"\0\0") for pk in images]
    Embedding.objects.bulk_create(rows, ignore_conflicts=True)


def test_the_embeddings_of_each_index_are_counted(dataset: Dataset) -> None:
    images = stored_images(dataset, ["cats", "dogs", "cats"])
    first, second = (
        FeatureSpec.objects.for_config(FeatureConfig(name, "top", "average", "", "", 32, "squash", "0", 1))
        for name in ("a", "b")
    )
    SearchIndex.objects.create(dataset=dataset, spec=first)
    embed(images, dataset, first)
    embed(images[:2], dataset, second)
    # an index that is made after its embeddings knows of them
    SearchIndex.objects.create(dataset=dataset, spec=second)
    assert embeddings_kept() == [3, 2]
    embed(images, dataset, second)
    assert embeddings_kept() == [3, 3]
    Image.objects.filter(pk=images[0]).delete()
    assert embeddings_kept() == [2, 2]
    Embedding.objects.filter(spec=first).delete()
    assert embeddings_kept() == [0, 2]


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/embeddings/",
        "/datasets/",
        "/datasets/mine/",
        "/api/v1/datasets/",
        "/api/v1/datasets/mine/",
        "/api/v1/images/grid/?dataset=mine",
        "/api/v1/images/grid/?dataset=mine&order=category",
        "/jobs/",
        "/metrics",
        "/admin/gallery/image/",
        "/admin/gallery/image/?dataset__id__exact={dataset}",
        "/admin/gallery/failedfile/",
    ],
)
def test_no_page_counts_images_or_failed_files(address: str, dataset: Dataset, staff_client: Client) -> None:
    stored_images(dataset, ["cats", "dogs"])
    job = Job.objects.create(kind=jobs.IMPORT, dataset=dataset)
    FailedFile.objects.create(job=job, name="a.jpg", code="cut", reason="It is cut.")
    with CaptureQueriesContext(connection) as asked:
        assert staff_client.get(address.format(dataset=dataset.pk)).status_code == 200
    counts = [query["sql"] for query in asked if re.search(r"\b(COUNT|SUM|MAX)\(", query["sql"])]
    tables = ("gallery_image", "gallery_failedfile", "search_embedding")
    assert not [sql for sql in counts if any(f'"{table}"' in sql for table in tables)]


@pytest.mark.parametrize(
    ("asked", "shown_count"),
    [({}, 3), ({"dataset__id__exact": "mine"}, 2), ({"q": "cat"}, 1), ({"dataset__id__exact": "0"}, 0)],
)
def test_the_admin_pages_as_many_images_as_there_are(
    asked: dict[str, str], shown_count: int, dataset: Dataset, staff_client: Client
) -> None:
    stored_images(dataset, ["cats", "dogs"])
    stored_images(Dataset.objects.create(slug="other", name="Other"), ["birds"])
    if asked.get("dataset__id__exact") == "mine":
        asked = {"dataset__id__exact": str(dataset.pk)}
    answer = staff_client.get("/admin/gallery/image/", asked)
    changes = answer.context["cl"]
    assert changes.result_count == len(changes.result_list) == shown_count
