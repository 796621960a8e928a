"""The vectors of a dataset as files of NumPy: whole, in one order, and only where they are new."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gallery import jobs
from gallery.ingest.removals import removal
from gallery.models import Dataset
from search.embedding import vector_files, vector_import
from search.models import Embedding, SearchIndex
from tests.conftest import image_bytes

pytestmark = pytest.mark.django_db(transaction=True)

VECTORS, IDS = "/api/v1/datasets/mine/embeddings.npy", "/api/v1/datasets/mine/embeddings-ids.npy"


def loaded(response: Any) -> Any:
    """Return the array of an answer."""
    return np.load(io.BytesIO(b"".join(response.streaming_content)), allow_pickle=False)


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


def sent(client: Client, ids: object, vectors: object, name: str = "clip", **more: str) -> Any:
    """Send vectors that were made elsewhere."""
    files = {}
    for key, value in (("ids", ids), ("file", vectors)):
        out = io.BytesIO()
        np.save(out, value)  # type: ignore[arg-type]
        files[key] = SimpleUploadedFile(f"{key}.npy", out.getvalue())
    return client.post("/api/v1/datasets/mine/embeddings/", {**files, "name": name, **more})


def test_vectors_from_elsewhere_are_searched_by_their_index(
    sample_dataset: Callable[..., Dataset], staff_client: Client, without_broker: None
) -> None:
    ids = np.array(sample_dataset(count=4).images.order_by("pk").values_list("pk", flat=True))
    vectors = np.eye(16, 24, dtype=np.float32) + 0.25 * np.eye(16, 24, 1, dtype=np.float32)
    answer = sent(staff_client, ids, vectors)
    assert answer.status_code == 202, answer.content
    made = answer.json()
    assert (made["stored"], made["kept"], made["job"]["kind"]) == (16, 0, "index")
    jobs.perform(made["job"]["id"])
    asked = {"index": made["index"], "k": 3}
    search = partial(staff_client.post, "/api/v1/search/", content_type="application/json")
    first = search(json.dumps({**asked, "vector": [float(x) for x in vectors[7]]})).json()
    assert first["hits"][0]["image"] == ids[7]
    beside = search(json.dumps({**asked, "image": int(ids[7])})).json()["hits"]
    assert {hit["image"] for hit in beside[:2]} == {ids[6], ids[8]}
    # live searches go on as they were, and cannot be switched to these
    assert search(json.dumps({"image": int(ids[7]), "k": 20})).json()["searched"] == 16
    switched = staff_client.post(f"/api/v1/indexes/{made['index']}/promote/")
    assert (switched.status_code, switched.json()["error"]["code"]) == (422, "not_promotable")
    unseen = SimpleUploadedFile("a.png", image_bytes(1))
    answered = staff_client.post("/api/v1/search/", {"file": unseen, "index": str(made["index"])})
    assert (answered.status_code, "error" in answered.json()) == (422, True)
    again = sent(staff_client, ids[:3], vectors[:3]).json()
    assert (again["stored"], again["kept"]) == (0, 3)


def test_vectors_that_cannot_be_those_of_images_are_refused(
    sample_dataset: Callable[..., Dataset], staff_client: Client
) -> None:
    ids = np.array(sample_dataset(count=4).images.order_by("pk").values_list("pk", flat=True))
    good = np.ones((16, 4), dtype=np.float16)
    bad = np.where(np.arange(16)[:, None] == 3, np.nan, good)
    for wrong_ids, wrong, words in (
        (ids, good[:3], "16 ids and 3 vectors"),
        (ids.astype(float), good, "whole numbers"),
        (ids, good.astype(np.int64), "floating-point"),
        (np.r_[ids[:-1], ids[0]], good, "twice"),
        (ids + 1000, good, "no images of mine"),
        (np.r_[ids[:-1], 0].astype(np.uint64) - np.r_[[0] * 15, 1].astype(np.uint64), good, f"{2**64 - 1}"),
        (ids, bad, "no number"),
        (ids, good * 0, "zeros"),
        (ids, np.ones((16, 9000), dtype=np.float16), "at most"),
        (np.array([{}], dtype=object), good, "no numbers"),
    ):
        answer = sent(staff_client, wrong_ids, wrong)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "wrong_vectors"), words
        assert words in answer.json()["error"]["detail"]
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (10**15, 9)})
    for content, words in (
        (b"", "no .npy"),
        (b"PK\x03\x04", "no .npy"),
        (b"\x93NUMPY\x01\x00\x04\x00((((", "no .npy"),
        (head.getvalue(), "MiB"),
        (head.getvalue().replace(b"1000000000000000", b"              16"), "shorter"),
    ):
        with pytest.raises(vector_import.WrongVectorsError, match=words):
            vector_import.read(io.BytesIO(content), "vectors")
    assert sent(staff_client, ids, good, name="not a slug").status_code == 400
    assert not SearchIndex.objects.filter(spec__model="imported").exists()
