"""Embeddings are stored each once, whoever else stores or removes at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from django.db import connection, transaction

from gallery.ingest.removals import removal
from gallery.models import Dataset, Image
from search.embedding import writer as embedding_writer
from search.extractors.feature_extractor import live_config
from search.features import feature_specs
from search.models import Embedding, FeatureSpec, SearchIndex

pytestmark = pytest.mark.django_db(transaction=True)


def images_of(dataset: Dataset, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    rows = Image.objects.bulk_create(
        Image(
            dataset=dataset,
            sha256=f"{n:064x}",
            filename=f"{n}.png",
            file=f"{n}.png",
            thumbnail=f"{n}.webp",
            width=8,
            height=8,
            size_bytes=1,
            format="PNG",
        )
        for n in range(count)
    )
    return np.array([image.pk for image in rows], dtype=np.int64)


def vectors_of(index: SearchIndex, count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(1).standard_normal((count, index.spec.dims)).astype(np.float32)


def test_what_is_stored_is_the_vector_of_its_image_and_counted_once(dataset: Dataset) -> None:
    index, ids = feature_specs.live_index(dataset), images_of(dataset, 5)
    vectors = vectors_of(index, 5)
    assert embedding_writer.store_embeddings(index, ids[:3], vectors[:3]) == 3
    assert embedding_writer.store_embeddings(index, ids, -vectors) == 2
    for number, (pk, vector) in enumerate(zip(ids, vectors, strict=True)):
        row = Embedding.objects.get(image_id=int(pk))
        expected = vector if number < 3 else -vector
        assert bytes(row.vector) == expected.astype("<f2").tobytes()
        assert (row.spec_id, row.dataset_id) == (index.spec_id, dataset.pk)
        assert row.created_at is not None
    revision = index.revision
    index.refresh_from_db()
    assert index.revision == revision + 2


def test_one_transaction_stores_embeddings_of_two_specs_apart(dataset: Dataset) -> None:
    first, ids = feature_specs.live_index(dataset), images_of(dataset, 3)
    other = feature_specs.index_of(dataset, FeatureSpec.objects.for_config(live_config(pooling="average")))
    vectors, others = vectors_of(first, 3), vectors_of(other, 3)
    with transaction.atomic():
        assert embedding_writer.store_embeddings(first, ids, vectors) == 3
        assert embedding_writer.store_embeddings(other, ids, others) == 3
    for index, expected in ((first, vectors), (other, others)):
        rows = Embedding.objects.filter(spec=index.spec).order_by("image_id").values_list("vector", flat=True)
        assert [bytes(row) for row in rows] == [row.astype("<f2").tobytes() for row in expected]


def test_an_image_that_is_gone_is_passed_over(dataset: Dataset) -> None:
    index, ids = feature_specs.live_index(dataset), images_of(dataset, 3)
    removal.remove_images([int(ids[1])])
    assert embedding_writer.store_embeddings(index, ids, vectors_of(index, 3)) == 2
    assert set(Embedding.objects.values_list("image", flat=True)) == {int(ids[0]), int(ids[2])}


def test_several_that_store_the_same_images_while_others_remove_some_agree_in_the_end(
    dataset: Dataset,
) -> None:
    index, ids = feature_specs.live_index(dataset), images_of(dataset, 60)
    vectors = vectors_of(index, 60)
    going = [int(pk) for pk in ids[::7]]

    def store(part: int) -> int:
        try:
            order = np.random.default_rng(part).permutation(60)
            return sum(
                embedding_writer.store_embeddings(index, ids[some], vectors[some])
                for some in np.array_split(order, 6)
            )
        finally:
            connection.close()

    def remove(pk: int) -> None:
        try:
            removal.remove_images([pk])
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        stored = [pool.submit(store, part) for part in range(3)]
        list(pool.map(remove, going))
        total = sum(pending.result() for pending in stored)
    kept = set(Embedding.objects.values_list("image", flat=True))
    assert kept == set(ids.tolist()) - set(going)
    assert len(kept) <= total <= len(ids)
