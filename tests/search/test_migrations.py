"""Migrations that carry over what is there: nothing must be computed again, and nothing be silently wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from search.models import Experiment, Projection

BEFORE = [("search", "0005_embedding_counts"), ("gallery", "0006_work_units_and_registered_kinds")]
# as it was written: of each category name, images, sum of ids, and of the squares of ids modulo 1,000,003
SIGNED = [("cats", 3, 5 + 7 + 1_000_004, 25 + 49 + 1), ("dogs", 1, 6, 36)]


@pytest.fixture
def before() -> Iterator[Any]:
    """Take the database back to signatures, and forward again afterwards."""
    for app, name in BEFORE:
        call_command("migrate", app, name, verbosity=0)
    yield MigrationExecutor(connection).loader.project_state(BEFORE).apps
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
