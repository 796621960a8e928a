"""The map of vectors that are tuned to categories."""

from __future__ import annotations

import pytest
from django.test import Client

from gallery import jobs
from gallery.models import Dataset, Image, Job
from search import job_kinds
from search.models import FeatureMatrix, Projection, SearchIndex
from tests.support.labelled_vectors import labelled

pytestmark = pytest.mark.django_db(transaction=True)


def tuned(dataset: Dataset) -> SearchIndex:
    """Tune a dataset and return the index of that."""
    result = jobs.perform_now(job_kinds.TUNE, dataset).result
    return SearchIndex.objects.select_related("spec").get(pk=result["index"])


def test_tuned_vectors_have_a_map_of_their_own_where_the_dataset_has_maps(
    dataset: Dataset, client: Client
) -> None:
    labelled(dataset)
    first = tuned(dataset)
    maps = Job.objects.filter(kind=job_kinds.PROJECT)
    assert not maps.exists(), "nobody looks at maps of this dataset"
    asked = {"spec": first.spec_id, "model": first.spec.model, "method": "pca"}
    assert jobs.perform_now(job_kinds.PROJECT, dataset, **asked).result == {"projections": 1, "skipped": 0}
    row = Projection.objects.get(dataset=dataset)
    assert (row.spec, row.count) == (first.spec, 60)
    (shown,) = client.get("/api/v1/projections/?dataset=mine").json()["results"]
    assert shown["pooling"] == "tuned"
    assert jobs.perform_now(job_kinds.PROJECT, dataset, **asked).result == {"projections": 0, "skipped": 1}
    # learned again, the map of before goes, and a new one is asked for
    some = Image.objects.filter(dataset=dataset, category="kind 1").first()
    assert some is not None
    Image.objects.filter(pk=some.pk).update(category="kind 2")
    second = tuned(dataset)
    assert second.spec_id != first.spec_id
    assert not Projection.objects.filter(spec=first.spec_id).exists()
    assert not FeatureMatrix.objects.filter(spec=first.spec_id).exists()
    # what is laid out of a tuning that is gone comes to nothing
    assert jobs.perform_now(job_kinds.PROJECT, dataset, **asked).result == {"projections": 0, "skipped": 1}


def test_a_map_is_asked_for_where_there_are_others(dataset: Dataset) -> None:
    labelled(dataset)
    first = tuned(dataset)
    asked = {"spec": first.spec_id, "model": first.spec.model, "method": "pca"}
    jobs.perform_now(job_kinds.PROJECT, dataset, **asked)
    again = tuned(dataset)
    assert again == first
    job = Job.objects.get(kind=job_kinds.PROJECT, state=Job.State.QUEUED)
    assert job.parameters["spec"] == first.spec_id
