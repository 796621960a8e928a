"""All of search with `INDEX_BACKEND=milvus`: found at once, removed, filtered, compacted, switched."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core import checks
from django.core.management import call_command
from django.test import Client

from gallery import jobs
from gallery.ingest.removals import removal
from gallery.models import Dataset, Image
from search import job_kinds
from search.features import feature_specs
from search.index.milvus.connection import MilvusServer
from search.indexing import backends, builds, database_vectors, snapshots
from search.indexing.database_vectors import DatabaseVectors
from search.live import query as live_query
from search.live.query import SearchRequest
from search.maintenance import verification
from search.models import IndexBuild, SearchIndex
from tests.conftest import sample_files

pytestmark = pytest.mark.django_db(transaction=True)

Hits = list[tuple[int, float]]


@pytest.fixture
def imported(sample_dataset: Callable[..., Dataset]) -> Dataset:
    """Return 24 labelled pictures with features, indexed by nothing yet."""
    return sample_dataset(count=4, categories=6)


@pytest.fixture
def use(settings: Any, tmp_path: Path) -> Callable[[MilvusServer | None], None]:
    """Return a function that switches the settings to a Milvus, or back."""

    def switch(server: MilvusServer | None) -> None:
        settings.INDEX_BACKEND = "faiss" if server is None else "milvus"
        if server is not None:
            settings.MILVUS_URI, settings.MILVUS_TOKEN = server.uri, server.token
            settings.MILVUS_TIMEOUT_S = server.timeout_s
            settings.MILVUS_PREFIX = f"t{abs(hash(str(tmp_path))):x}"
        snapshots.forget()

    return switch


def hits(image: Image, **options: Any) -> Hits:
    found = live_query.search(SearchRequest(image_id=image.pk, dataset="mine", k=10, **options)).hits
    return [(hit.image.pk, round(hit.score, 4)) for hit in found]


def all_hits(label: str | None = None) -> list[Hits]:
    return [hits(image, label=label) for image in Image.objects.order_by("pk")[:6]]


def add_image(dataset: Dataset, name: str) -> Image:
    """Import one more picture, by the extraction that makes it searchable."""
    (file,) = [path for path in sample_files("clipart200", count=9) if path.name == name]
    jobs.perform_now(jobs.IMPORT, dataset, path=str(file.parent), announce=False)
    jobs.perform_now(job_kinds.EXTRACT, dataset)
    return Image.objects.get(filename=name)


def test_search_on_milvus_gives_what_it_gives_on_faiss_and_switching_loses_nothing(
    imported: Dataset,
    use: Callable[[MilvusServer | None], None],
    milvus: MilvusServer,
    client: Client,
) -> None:
    index = feature_specs.live_index(imported)
    label = Image.objects.order_by("pk").values_list("category", flat=True)[0]
    builds.rebuild(index)
    on_faiss, labelled = all_hits(), all_hits(label)
    assert len(on_faiss[0]) == 10
    use(milvus)
    # nothing is there yet: the database answers
    assert all_hits() == on_faiss
    call_command("rebuild_index")
    assert IndexBuild.objects.latest("pk").manifest["factory"] == "Milvus FLAT"
    snapshots.forget()
    assert all_hits() == on_faiss
    assert all_hits(label) == labelled
    assert verification.verify().ok
    assert client.get("/readyz").json()["index"] == "ready"
    served = client.get("/api/v1/indexes/").json()["results"][0]
    assert served["generation"].startswith(backends.milvus_store().alias(index.store_name))

    removal.remove_images([Image.objects.order_by("pk")[7].pk])
    later = all_hits()
    assert later != on_faiss
    use(None)
    assert all_hits() == later
    # the next generation has another centre: that of what is left
    call_command("rebuild_index")
    use(None)
    centred_anew = all_hits()
    use(milvus)
    assert all_hits() == later
    call_command("rebuild_index")
    use(milvus)
    assert all_hits() == centred_anew
    assert verification.verify().ok
    imported.delete()
    assert not backends.milvus_store()._collections(index.store_name)


def test_a_new_image_is_found_within_two_seconds_and_taken_in_without_a_rebuild(
    imported: Dataset,
    use: Callable[[MilvusServer | None], None],
    milvus: MilvusServer,
    settings: Any,
) -> None:
    use(milvus)
    build = builds.rebuild(feature_specs.live_index(imported))
    old = Image.objects.order_by("pk").first()
    assert old is not None
    hits(old)
    new = add_image(imported, "crow_01.png")
    began = time.monotonic()
    assert (old.pk, new.pk) in {(old.pk, pk) for pk, _ in hits_of_all(old)}
    assert time.monotonic() - began < 2
    removal.remove_images([Image.objects.order_by("pk")[3].pk])
    before = hits_of_all(old)

    settings.COMPACT_AFTER = 2
    index = feature_specs.live_index(imported)
    assert builds.wants_rebuild(index)
    jobs.perform_now(job_kinds.INDEX, imported, index=index.pk, compact=True)
    assert IndexBuild.objects.count() == 1
    build.refresh_from_db()
    assert build.generation.endswith(".1")
    index.refresh_from_db()
    live = snapshots.searchable(index)
    assert (len(live.delta_ids), len(live.removed_ids)) == (0, 0)
    assert live.count == build.manifest["count"] == Image.objects.count()
    assert hits_of_all(old) == before
    assert not builds.wants_rebuild(SearchIndex.objects.get(pk=index.pk))
    snapshots.forget()
    assert hits_of_all(old) == before
    assert verification.verify().ok


def hits_of_all(image: Image) -> Hits:
    found = live_query.search(SearchRequest(image_id=image.pk, dataset="mine", k=100)).hits
    return [(hit.image.pk, round(hit.score, 4)) for hit in found]


def test_an_index_that_outgrew_its_centre_is_built_anew(
    imported: Dataset,
    use: Callable[[MilvusServer | None], None],
    milvus_lite: MilvusServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(milvus_lite)
    monkeypatch.setattr(backends.MilvusBackend, "GROWS_TO", 0)
    index = feature_specs.live_index(imported)
    first = builds.rebuild(index)
    second = builds.compact(index)
    assert second.pk != first.pk
    assert second.generation.split(".")[0] != first.generation.split(".")[0]


def test_a_milvus_that_does_not_answer_makes_searches_and_readiness_fail_and_says_so(
    imported: Dataset, use: Callable[[MilvusServer | None], None], settings: Any, client: Client
) -> None:
    settings.MILVUS_TIMEOUT_S = 0.5
    use(MilvusServer("http://127.0.0.1:9", timeout_s=0.5))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["index"]) == (503, "not ready")
    client.force_login(User.objects.create_superuser("operator"))
    assert "http://127.0.0.1:9" in client.get("/readyz").json()["index"]
    image = Image.objects.first()
    assert image is not None
    answer = client.post("/api/v1/search/", {"image": image.pk}, content_type="application/json")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "index_unreachable"


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, {"search.E012"}),
        ({"MILVUS_URI": "http://milvus:19530"}, set()),
        ({"MILVUS_URI": "/tmp/lite.db"}, {"search.E012"}),
        ({"MILVUS_URI": "http://milvus:19530", "MILVUS_INDEX": "FASTEST"}, {"search.E013"}),
        ({"MILVUS_URI": "http://milvus:19530", "MILVUS_PREFIX": "a-b"}, {"search.E014"}),
        ({"INDEX_BACKEND": "annoy"}, {"search.E011"}),
    ],
)
def test_settings_that_cannot_work_are_named(changes: dict[str, str], wrong: set[str], settings: Any) -> None:
    settings.INDEX_BACKEND = "milvus"
    for name, value in changes.items():
        setattr(settings, name, value)
    found = {str(message.id) for message in checks.run_checks()}
    assert {name for name in found if name.startswith("search.E01")} == wrong


def test_vectors_are_read_from_the_database_by_their_ids(imported: Dataset) -> None:
    stored = DatabaseVectors()
    index = feature_specs.live_index(imported)
    pks = np.array(
        database_vectors.embeddings(index).order_by("pk").values_list("pk", flat=True), dtype=np.int64
    )
    found, vectors = stored.read(np.concatenate((pks[::-1], [10**9])))
    np.testing.assert_array_equal(found, pks)
    assert vectors.shape == (24, index.spec.dims)
    assert stored.read(np.array([10**9], dtype=np.int64))[1].shape == (0, 0)
