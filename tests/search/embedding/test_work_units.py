"""What an extraction begins from: the pictures that lack an embedding, found without a look at all others."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gallery.jobs.work_units import Range
from gallery.models import Dataset, Image, Job
from search import job_kinds
from search.embedding import work_units as extraction_units
from search.embedding.work_units import ExtractionUnits
from search.models import Embedding, FeatureSpec, SearchIndex
from search.types import FeatureConfig
from tests.support.experiment_rows import stored_images

pytestmark = pytest.mark.django_db


@pytest.fixture
def images(dataset: Dataset) -> list[int]:
    """Return the ids of thirty stored images."""
    return stored_images(dataset, ["cats"] * 30)


def lacking(dataset: Dataset, without: list[int], **parameters: object) -> ExtractionUnits:
    """Return an extraction into an index that has embeddings of all images but some."""
    config = FeatureConfig("a", "top", "average", "", "", 32, "squash", "0", 1)
    spec = FeatureSpec.objects.for_config(config)
    index = SearchIndex.objects.create(dataset=dataset, spec=spec, live=True)
    others = Image.objects.filter(dataset=dataset).exclude(pk__in=without)
    Embedding.objects.bulk_create(
        Embedding(image=image, spec=spec, dataset=dataset, vector=b"\0\0") for image in others
    )
    job = Job.objects.create(kind=job_kinds.EXTRACT, dataset=dataset, parameters=parameters)
    return ExtractionUnits(job, index)


@pytest.mark.parametrize("few", [0, 2, 100])
def test_the_first_range_holds_every_image_that_lacks_one_however_it_is_looked_for(
    few: int, dataset: Dataset, images: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction_units, "FEW_IMAGES", few)
    without = [images[3], images[20], images[29]]
    shared = lacking(dataset, without)
    assert shared.missing_count() == 3
    assert shared.next_range(0) == Range(images[29], 3)
    assert shared.next_range(images[3]) == Range(images[29], 2)
    assert shared.next_range(images[29]) is None


def test_an_image_that_has_just_come_is_not_sought_among_the_old_ones(
    dataset: Dataset, images: list[int]
) -> None:
    shared = lacking(dataset, [images[29]])
    with CaptureQueriesContext(connection) as asked:
        assert shared.next_range(0) == Range(images[29], 1)
    seeking = [query["sql"] for query in asked if "EXISTS" in query["sql"]]
    assert "DESC LIMIT 1" in seeking[0]
    assert f'"id" > {images[29] - 1}' in seeking[1]
    assert len(seeking) == 2


def test_where_nothing_lacks_one_no_image_is_looked_at(dataset: Dataset, images: list[int]) -> None:
    shared = lacking(dataset, [])
    with CaptureQueriesContext(connection) as asked:
        assert shared.missing_count() == 0
        assert shared.next_range(0) is None
    assert not [query["sql"] for query in asked if '"gallery_image"' in query["sql"]]


def test_a_job_that_names_its_images_looks_for_no_others(dataset: Dataset, images: list[int]) -> None:
    shared = lacking(dataset, images[:9], images=images[4:12])
    assert shared.missing_count() == 5
    assert shared.next_range(0) == Range(images[8], 5)
