"""Searches that are tuned to categories, with real images and the real network."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from gallery import jobs
from gallery.models import Dataset, Image
from search import job_kinds
from search.maintenance import verification
from search.models import Embedding, SearchIndex
from tests.conftest import sample_files

pytestmark = pytest.mark.django_db(transaction=True)

EACH = 11
CLOSE = 1e-3


@pytest.fixture
def tuned(sample_dataset: Callable[..., Dataset]) -> SearchIndex:
    """Return the index of 44 images in four categories that is tuned to them, and live."""
    dataset = sample_dataset(count=EACH)
    result = jobs.perform_now(job_kinds.TUNE, dataset).result
    assert result["offered"], result
    call_command("promote", "mine", "--tuned")
    return SearchIndex.objects.select_related("spec").get(dataset=dataset, live=True)


def search(client: Client, /, **document: Any) -> Any:
    """POST a search, and return its answer in JSON."""
    return client.post("/api/v1/search/", json.dumps(document), content_type="application/json").json()


def test_a_tuned_search_works_as_every_other(tuned: SearchIndex, staff_client: Client) -> None:
    """One test: to import, extract and tune takes longer than all that is asked of it."""
    images = list(Image.objects.order_by("pk"))
    # explained: the cells add up to the score
    found = search(staff_client, like=[{"image": images[0].pk}], k=20, explain=True)
    assert found["hits"][0]["label"] == images[0].category
    for hit in found["hits"]:
        assert np.sum(hit["hit_cells"]) == pytest.approx(hit["score"], abs=CLOSE)
        assert np.sum(hit["query_cells"]) == pytest.approx(hit["score"], abs=CLOSE)
        assert hit["probability"] is None or 0 <= hit["probability"] <= 1
    # the explanation needs hardly any correction: it is of these very vectors
    answer = staff_client.get(
        "/api/v1/search/explanation/", {"image": images[0].pk, "hit": found["hits"][5]["image"]}
    ).json()
    assert abs(answer["difference"]) < 0.01
    # steered and filtered
    steered = search(
        staff_client,
        like=[{"image": images[0].pk}, {"image": images[1].pk}],
        unlike=[{"image": images[-1].pk}],
        where={"label": images[0].category},
        explain=True,
    )
    assert {hit["label"] for hit in steered["hits"]} == {images[0].category}
    for hit in steered["hits"]:
        assert np.sum(hit["hit_cells"]) == pytest.approx(hit["score"], abs=CLOSE)
    # by its vector
    vector = staff_client.get(f"/api/v1/images/{images[0].pk}/embedding/").json()["vector"]
    assert len(vector) == tuned.spec.dims
    assert search(staff_client, like=[{"vector": vector}])["hits"][0]["image"] == images[0].pk
    # an image that comes now is found by its file, and has both vectors
    new = sample_files("objects200", images[0].category, EACH + 1)[-1]
    sent = SimpleUploadedFile(new.name, new.read_bytes())
    added = staff_client.post("/api/v1/images/", {"dataset": "mine", "file": sent})
    assert added.status_code in (201, 202), added.content
    jobs.perform_now(job_kinds.EXTRACT, tuned.dataset)
    image = Image.objects.latest("pk")
    assert Embedding.objects.filter(image=image).count() == 2
    upload = SimpleUploadedFile(new.name, new.read_bytes())
    first = staff_client.post("/api/v1/search/", {"file": upload}).json()["hits"][0]
    assert (first["image"], round(first["score"], 3)) == (image.pk, 1.0)
    assert verification.verify().ok
    # and back
    call_command("promote", "mine", "--back")
    assert len(staff_client.get(f"/api/v1/images/{image.pk}/embedding/").json()["vector"]) < len(vector)
    assert verification.verify().ok
