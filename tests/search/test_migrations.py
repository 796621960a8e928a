"""Migrations that carry over what is there: nothing must be computed again, and nothing be silently wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from gallery.models import Category, Dataset, FailedFile, Image, Job, WorkUnit
from search.models import Experiment, Projection

BEFORE_UNITS = [("search", "0005_embedding_counts"), ("gallery", "0005_shares_and_attempts")]
BEFORE = [("search", "0005_embedding_counts"), ("gallery", "0006_work_units_and_registered_kinds")]
BEFORE_BIN = [("search", "0010_feature_maps_in_one_file"), ("gallery", "0013_job_request_id")]
# as it was written: of each category name, images, sum of ids, and of the squares of ids modulo 1,000,003
SIGNED = [("cats", 3, 5 + 7 + 1_000_004, 25 + 49 + 1), ("dogs", 1, 6, 36)]


@pytest.fixture
def before() -> Iterator[Any]:
    """Take the database back to signatures, and forward again afterwards."""
    yield from back_at(BEFORE)


@pytest.fixture
def before_units() -> Iterator[Any]:
    """Take the database back to shares of jobs, and forward again afterwards."""
    yield from back_at(BEFORE_UNITS)


@pytest.fixture
def before_bin() -> Iterator[Any]:
    """Take the database back to deletions without a bin, and forward again afterwards."""
    yield from back_at(BEFORE_BIN)


def back_at(targets: list[tuple[str, str]]) -> Iterator[Any]:
    """Take the database back, hand out the models of then, and take it forward again."""
    for app, name in targets:
        call_command("migrate", app, name, verbosity=0)
    yield MigrationLoader(connection, replace_migrations=False).project_state(targets).apps
    call_command("migrate", verbosity=0)


def image(pk: int, category: str) -> dict[str, Any]:
    """Return the columns of an image."""
    sizes = {"width": 1, "height": 1, "size_bytes": 1}
    return {"pk": pk, "sha256": f"{pk:064x}", "category": category} | sizes


@pytest.mark.django_db(transaction=True)
def test_what_was_computed_from_the_images_of_now_stays_current_and_other_things_stay_stale(
    before: Any,
) -> None:
    dataset = before.get_model("gallery", "Dataset").objects.create(slug="mine", name="Mine")
    images = before.get_model("gallery", "Image").objects
    for pk, category in ((5, "cats"), (6, "dogs"), (7, "cats"), (1_000_004, "cats")):
        images.create(dataset=dataset, **image(pk, category))
    spec = before.get_model("search", "FeatureSpec").objects.create(input_size=1, dims=1)
    now = hashlib.sha256(repr(SIGNED).encode()).hexdigest()
    usual = {"dataset": dataset, "spec": spec}
    for metric, signature in (("cosine", now), ("euclidean", "0" * 64)):
        before.get_model("search", "Experiment").objects.create(
            metric=metric, images=4, images_signature=signature, k=10, **usual
        )
    for digest, signature in (("a", now), ("b", "0" * 64)):
        before.get_model("search", "Projection").objects.create(
            method="pca", parameters={}, digest=digest, count=4, fitted=4, images_signature=signature,
            trustworthiness=1, neighbour_agreement=1, seconds=1, **usual,
        )  # fmt: skip
    # what the database counted so far, as its triggers did
    counts = before.get_model("gallery", "Category").objects
    for name, number, ids, squares in SIGNED:
        counts.create(dataset=dataset, name=name, images=number, id_sum=ids, id_square_sum=squares)
    call_command("migrate", verbosity=0)
    stale = {row.metric: row.images_revision != row.dataset.revision for row in Experiment.objects.all()}
    assert stale == {"cosine": False, "euclidean": True}
    maps = {row.digest: row.images_revision != row.dataset.revision for row in Projection.objects.all()}
    assert maps == {"a": False, "b": True}


@pytest.mark.django_db(transaction=True)
def test_a_job_keeps_its_shares_its_counts_and_its_files_as_they_get_other_names(before_units: Any) -> None:
    def old(name: str) -> Any:
        return before_units.get_model("gallery", name).objects

    dataset = old("Dataset").create(slug="mine", name="Mine", description="What we have")
    first, second = (old("Image").create(dataset=dataset, **image(pk, "cats")) for pk in (5, 6))
    old("Category").create(dataset=dataset, name="cats", images=2, id_sum=11, id_square_sum=61)
    now = timezone.now()
    job = old("Job").create(
        dataset=dataset, kind="extract", state="running", parameters={"images": [5, 6]}, worker="a:1:b",
        heartbeat_at=now, not_before=now, dispatched_at=now, setbacks=3, furthest=40, announcements=7,
        done=41, total=90, failed=2, final=True,
    )  # fmt: skip
    again = old("Job").create(dataset=dataset, kind="extract")
    for first_id, state in ((1, "done"), (65, "waiting")):
        old("JobShare").create(
            job=job, first_id=first_id, last_id=first_id + 63, state=state, total=64, done=40, failed=1,
            worker="a:1:b", heartbeat_at=now, attempts=2,
        )  # fmt: skip
    for row, retry in ((first, None), (second, again)):
        old("FailedFile").create(job=job, image=row, name=f"{row.pk}.png", code="x", reason="y", retry=retry)

    call_command("migrate", verbosity=0)
    mine = Dataset.objects.get()
    assert (mine.pk, mine.slug, mine.name, mine.description) == (dataset.pk, "mine", "Mine", "What we have")
    assert list(Image.objects.values_list("pk", "dataset", "sha256", "category")) == [
        (pk, mine.pk, f"{pk:064x}", "cats") for pk in (5, 6)
    ]
    assert list(Category.objects.values_list("dataset", "name", "images")) == [(mine.pk, "cats", 2)]
    found = Job.objects.get(pk=job.pk)
    assert (found.consecutive_failures, found.max_done, found.publish_count) == (3, 40, 7)
    for name in (
        "kind", "state", "parameters", "worker", "heartbeat_at", "not_before", "dispatched_at",
        "done", "total", "failed", "final", "created_at",
    ):  # fmt: skip
        assert getattr(found, name) == getattr(job, name), name
    units = found.work_units.values_list("first_id", "last_id", "state", "total", "done", "failed")
    assert list(units) == [(1, 64, "done", 64, 40, 1), (65, 128, "waiting", 64, 40, 1)]
    workers = WorkUnit.objects.values_list("worker", "heartbeat_at", "attempts")
    assert set(workers) == {("a:1:b", now, 2)}
    files = FailedFile.objects.values_list("job", "image", "name", "code", "reason", "retry")
    assert list(files) == [
        (job.pk, 5, "5.png", "x", "y", None),
        (job.pk, 6, "6.png", "x", "y", again.pk),
    ]
    # the constraints and the triggers hold under the new names
    with pytest.raises(IntegrityError), transaction.atomic():
        WorkUnit.objects.create(job=found, first_id=1, last_id=9, total=9, heartbeat_at=now)
    FailedFile.objects.create(job=found, name="7.png", code="x", reason="y")
    found.refresh_from_db()
    assert found.failed == 3


@pytest.mark.django_db(transaction=True)
def test_a_dataset_whose_removal_had_begun_stays_hidden_where_there_is_a_bin(before_bin: Any) -> None:
    datasets = before_bin.get_model("gallery", "Dataset").objects
    at = timezone.now()
    closed = datasets.create(slug="closed", name="Closed", closed_at=at)
    kept = datasets.create(slug="kept", name="Kept")
    before_bin.get_model("gallery", "Image").objects.create(dataset=kept, **image(5, "cats"))
    call_command("migrate", verbosity=0)
    assert Dataset.everything.get(pk=closed.pk).deleted_at == at
    assert [row.pk for row in Dataset.objects.all()] == [kept.pk]
    assert [row.pk for row in Image.objects.all()] == [5]
    assert list(Category.shown.values_list("name", "images")) == [("cats", 1)]
    assert list(Dataset.everything.in_bin()) == []
