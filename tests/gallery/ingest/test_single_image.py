"""An added image: decoded once, found by the next search, and its answer names the job made for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gallery import jobs, signals
from gallery.imaging import budget, decoding
from gallery.ingest.single_image import add_image
from gallery.jobs import broker
from gallery.models import Dataset, FailedFile, Image, Job, WorkUnit
from search import job_kinds
from search.embedding import single_image
from search.features import feature_specs, loaded_extractors
from search.indexing import backends, builds
from search.maintenance import schedule
from search.models import Embedding, FeatureSpec, SearchIndex
from tests.conftest import image_bytes, import_folder

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the jobs that workers are told of; nobody does them."""
    told: list[int] = []
    monkeypatch.setattr(broker, "send", lambda task, job_id, **_: told.append(job_id))
    return told


@pytest.fixture
def complete(dataset: Dataset, sample_folder: Callable[..., Path], sent: list[int]) -> Dataset:
    """Return a dataset whose images all have an embedding; this process has loaded the network."""
    import_folder(dataset, sample_folder(count=1))
    assert loaded_extractors.loaded(feature_specs.live_spec().config) is not None
    return dataset


def post(client: Client, data: bytes, name: str = "new.png") -> dict[str, Any]:
    file = SimpleUploadedFile(name, data)
    answer: dict[str, Any] = client.post("/api/v1/images/", {"dataset": "mine", "file": file}).json()
    return answer


def found_first(client: Client, data: bytes) -> int:
    answer = client.post("/api/v1/search/", {"file": SimpleUploadedFile("q.png", data), "k": 1}).json()
    return int(answer["hits"][0]["image"])


def test_who_finds_no_room_to_have_an_image_read_is_told_when_to_come_again(
    dataset: Dataset, staff_client: Client, settings: Any
) -> None:
    settings.DECODE_WAIT_S = 0.05
    tiff = image_bytes(1, kind="TIFF")
    capacity = budget.large_bytes(settings.DECODE_MEMORY_MB * 2**20)
    with budget.LARGE.taken(capacity, capacity, 1.0):
        file = SimpleUploadedFile("new.tif", tiff)
        answer = staff_client.post("/api/v1/images/", {"dataset": "mine", "file": file})
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert answer.json()["error"]["code"] == "busy"
    assert "image" in post(staff_client, tiff, "new.tif")


def test_an_added_image_is_decoded_once_and_found_by_the_next_search(
    complete: Dataset, staff_client: Client, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    held = decoding.held

    def counted(data: bytes, *args: Any, **more: Any) -> Any:
        decoded.append(len(data))
        return held(data, *args, **more)

    def units(*_: object) -> None:
        raise AssertionError("a work unit was made for one image")

    data = image_bytes(77, (300, 400))
    with monkeypatch.context() as watched:
        watched.setattr(decoding, "held", counted)
        watched.setattr(WorkUnit, "save", units)
        added = post(staff_client, data)
    assert decoded == [len(data)]
    assert (added["job"]["kind"], added["job"]["state"]) == ("extract", "succeeded")
    assert (added["job"]["done"], added["job"]["total"], added["job"]["attempts"]) == (1, 1, 1)
    assert added["job"]["result"].items() >= {"embeddings": 1, "failed": 0}.items()
    assert found_first(staff_client, data) == added["image"]["id"]
    assert not sent
    assert not WorkUnit.objects.exists()


def test_its_embedding_is_that_of_an_extraction(complete: Dataset) -> None:
    image = add_image(complete, "new.png", image_bytes(78, (900, 700))).image

    def vector() -> np.ndarray[Any, Any]:
        stored = bytes(Embedding.objects.get(image=image).vector)
        return np.frombuffer(stored, dtype="<f2").astype(np.float32)

    during = vector()
    Embedding.objects.filter(image=image).delete()
    jobs.perform_now(job_kinds.EXTRACT, complete)
    after = vector()
    assert during @ after / np.linalg.norm(during) / np.linalg.norm(after) > 0.999


def test_the_answer_names_the_job_of_the_image_and_no_newer_one_of_the_dataset(
    complete: Dataset, staff_client: Client, settings: Any
) -> None:
    """Others queue extractions of the same dataset, before its own job and after it."""
    other: list[int] = []

    def asks_too(**_: Any) -> None:
        other.append(jobs.enqueue(job_kinds.EXTRACT, complete, images=[1]).pk)

    settings.EXTRACT_AT_IMPORT = False  # all workers extract
    newer = jobs.enqueue(job_kinds.EXTRACT, complete, images=[1])
    signals.images_added.connect(asks_too)
    try:
        added = post(staff_client, image_bytes(1))
    finally:
        signals.images_added.disconnect(asks_too)
    ours = Job.objects.get(pk=added["job"]["id"])
    assert ours.parameters == {}, "it takes whatever is missing"
    assert len(other) == 1
    assert Job.objects.latest("pk").pk == other[0] > ours.pk > newer.pk
    assert added["job"]["state"] == "queued"
    again = post(staff_client, image_bytes(2), "another.png")
    assert again["job"]["id"] == ours.pk, "one that has not begun will find this image too"
    jobs.perform(ours.pk)
    assert Embedding.objects.filter(image__in=[added["image"]["id"], again["image"]["id"]]).count() == 2


def test_adding_an_image_opens_no_generation_of_the_index(
    complete: Dataset, staff_client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = feature_specs.live_index(complete)
    builds.rebuild(index)
    settings.COMPACT_AFTER = 1
    opened: list[str] = []
    store = type(backends.backend())
    real = store.open_current

    def watched(self: Any, name: str, **more: Any) -> Any:
        opened.append(name)
        return real(self, name, **more)

    monkeypatch.setattr(store, "open_current", watched)
    added = post(staff_client, image_bytes(9))
    assert added["job"]["state"] == "succeeded"
    assert not opened
    assert not Job.objects.filter(kind=job_kinds.INDEX, state=Job.State.QUEUED).exists()
    # that is for beat to see
    (job,) = schedule.compact()
    assert (job.kind, opened) == (job_kinds.INDEX, [index.store_name])


def test_an_image_that_is_embedded_at_once_leaves_the_jobs_of_others_alone(
    complete: Dataset, staff_client: Client
) -> None:
    waiting = jobs.enqueue(job_kinds.EXTRACT, complete)
    added = post(staff_client, image_bytes(3))
    assert added["job"]["id"] != waiting.pk
    assert Job.objects.get(pk=added["job"]["id"]).parameters == {"images": [added["image"]["id"]]}
    assert Job.objects.get(pk=waiting.pk).state == Job.State.QUEUED


def test_where_other_images_wait_for_their_embeddings_one_job_gives_them_all(
    complete: Dataset, sent: list[int]
) -> None:
    Embedding.objects.filter(image=Image.objects.latest("pk")).delete()
    added = add_image(complete, "new.png", image_bytes(4))
    assert added.job is not None
    assert sent == [added.job.pk]
    ended = jobs.perform(added.job.pk)
    assert ended is not None
    assert ended.result["embeddings"] == 2


def test_an_image_that_can_never_be_embedded_holds_up_none_that_is_added_later(
    complete: Dataset, staff_client: Client
) -> None:
    lost = Image.objects.latest("pk")
    Embedding.objects.filter(image=lost).delete()
    # an import that brings it again says nothing of whether it can be embedded
    imported = Job.objects.create(kind=jobs.IMPORT, dataset=complete, state=Job.State.SUCCEEDED)
    FailedFile.objects.create(job=imported, image=lost, name="again.png", code="duplicate", reason="x")
    assert single_image.observe(complete) is None, "it waits for its embedding"
    default_storage.delete(str(lost.file.name))
    jobs.perform_now(job_kinds.EXTRACT, complete)
    jobs.perform_now(job_kinds.EXTRACT, complete)
    assert FailedFile.objects.filter(image=lost, job__kind=job_kinds.EXTRACT).count() == 2
    assert post(staff_client, image_bytes(10))["job"]["state"] == "succeeded"
    Embedding.objects.filter(image=Image.objects.earliest("pk")).delete()
    assert single_image.observe(complete) is None, "another one waits"


def test_a_process_without_the_network_leaves_the_image_to_a_worker(
    complete: Dataset, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded_extractors, "loaded", lambda config: None)
    added = add_image(complete, "new.png", image_bytes(5))
    assert added.job is not None
    assert (added.job.state, sent) == (Job.State.QUEUED, [added.job.pk])
    assert not Embedding.objects.filter(image=added.image).exists()


def test_what_fails_at_once_is_done_by_a_worker(
    complete: Dataset, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("the network broke")

    with monkeypatch.context() as breaking:
        breaking.setattr("search.extractors.feature_extractor.FeatureExtractor.extract_with_logits", broken)
        added = add_image(complete, "new.png", image_bytes(6))
    assert added.job is not None
    waiting = Job.objects.get(pk=added.job.pk)
    assert (waiting.state, waiting.attempts, sent) == (Job.State.QUEUED, 0, [waiting.pk])
    assert "the network broke" in waiting.message
    ended = jobs.perform(waiting.pk)
    assert ended is not None
    assert (ended.state, ended.result["embeddings"]) == (Job.State.SUCCEEDED, 1)
    assert Embedding.objects.filter(image=added.image).count() == 1


def test_what_fails_after_it_was_cancelled_is_sent_to_nobody(
    complete: Dataset, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(*_: object) -> None:
        assert jobs.cancel(Job.objects.get(state=Job.State.RUNNING).pk)
        raise ValueError("the network broke")

    monkeypatch.setattr("search.extractors.feature_extractor.FeatureExtractor.extract_with_logits", cancelled)
    added = add_image(complete, "new.png", image_bytes(11))
    assert added.job is not None
    ended = Job.objects.get(pk=added.job.pk)
    assert (ended.state, ended.dispatched_at, ended.publish_count) == (Job.State.CANCELLED, None, 0)
    assert not sent


def test_a_switch_of_the_live_configuration_meanwhile_loses_no_image(complete: Dataset) -> None:
    observer = single_image.observe(complete)
    assert observer is not None
    before = feature_specs.live_index(complete)
    spec = FeatureSpec.objects.for_config(replace(before.spec.config, layer="another"))
    SearchIndex.objects.filter(pk=before.pk).update(live=False)
    SearchIndex.objects.create(dataset=complete, spec=spec, live=True)
    image = Image.objects.earliest("pk")
    job = observer.take(image, np.zeros((before.spec.input_size,) * 2 + (3,), dtype=np.uint8))
    assert (job.state, job.parameters) == (Job.State.QUEUED, {})
