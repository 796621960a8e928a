"""The vectors of a dataset as files of NumPy: whole, in one order, and only where they are new."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from django.test import Client

from gallery.ingest import removal
from gallery.models import Dataset
from search.embedding import vector_files
from search.models import Embedding, SearchIndex

pytestmark = pytest.mark.django_db(transaction=True)

VECTORS, IDS = "/api/v1/datasets/mine/embeddings.npy", "/api/v1/datasets/mine/embeddings-ids.npy"


def loaded(response: object) -> np.ndarray:
    """Return the array of an answer."""
    return np.load(io.BytesIO(b"".join(response.streaming_content)), allow_pickle=False)  # type: ignore[attr-defined]


def test_the_files_hold_each_vector_beside_its_image(
    sample_dataset: Callable[..., Dataset], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample_dataset(count=4)
    monkeypatch.setattr(vector_files, "READ_ROWS", 5)
    vectors, ids = loaded(client.get(VECTORS)), loaded(client.get(IDS))
    assert (vectors.shape, vectors.dtype, ids.dtype) == ((16, 512), np.float16, np.int64)
    for vector, pk in zip(vectors, ids, strict=True):
        assert vector.tobytes() == bytes(Embedding.objects.get(image=int(pk)).vector)


def test_the_files_are_sent_where_they_are_new(
    sample_dataset: Callable[..., Dataset], client: Client
) -> None:
    dataset = sample_dataset(count=4)
    tag = client.get(VECTORS)["ETag"]
    assert client.get(IDS)["ETag"] == tag
    assert client.get(VECTORS, headers={"If-None-Match": tag}).status_code == 304
    removal.remove_images([dataset.images.order_by("pk")[0].pk])
    answer = client.get(VECTORS, headers={"If-None-Match": tag})
    assert (answer.status_code, loaded(answer).shape) == (200, (15, 512))


def test_what_is_deleted_while_it_is_sent_becomes_a_row_of_zeros(
    sample_dataset: Callable[..., Dataset],
) -> None:
    dataset = sample_dataset(count=4)
    sent = vector_files.vectors(SearchIndex.objects.get(dataset=dataset))
    begun = next(sent)
    gone = Embedding.objects.order_by("pk")[3]
    removal.remove_images([gone.image_id])
    vectors = np.load(io.BytesIO(begun + b"".join(sent)))
    assert [index for index, row in enumerate(vectors) if not row.any()] == [3]


def test_a_dataset_without_features_says_so(dataset: Dataset, client: Client) -> None:
    for address in (VECTORS, IDS):
        assert client.get(address).json()["error"]["code"] == "nothing_indexed"
        assert client.get(address.replace("mine", "other")).status_code == 404
