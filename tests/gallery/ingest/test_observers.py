"""An import that extracts as it goes: each picture decoded once and embedded once, whatever happens to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gallery import jobs
from gallery.errors import WeightsError
from gallery.imaging import decoding, jpeg
from gallery.imaging.limits import image_limits
from gallery.ingest import storing
from gallery.ingest.sources.members import ArchiveMember
from gallery.jobs import broker
from gallery.models import Dataset, Image, Job
from gallery.system.measuring.stage_timer import StageTimer
from search import job_kinds
from search.embedding import pipeline
from search.features import feature_specs, loaded_extractors
from search.models import Embedding, FeatureSpec

IMAGES = 12


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test does the jobs itself."""
    monkeypatch.setattr(broker, "send", lambda *_, **__: None)


def stored_vectors() -> dict[int, np.ndarray[Any, Any]]:
    rows = Embedding.objects.values_list("image_id", "vector")
    return {pk: np.frombuffer(bytes(vector), dtype="<f2").astype(np.float32) for pk, vector in rows}


def test_an_import_decodes_every_image_once_and_reads_none_again(
    dataset: Dataset, sample_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = loaded_extractors.extractor(feature_specs.live_spec().config)
    decoded: list[int] = []
    held = decoding.held

    def counted(data: bytes, *args: Any, **more: Any) -> Any:
        decoded.append(len(data))
        return held(data, *args, **more)

    monkeypatch.setattr(decoding, "held", counted)
    monkeypatch.setattr("gallery.imaging.sprite_sheets.update", lambda *_: None)  # it reads thumbnails
    job = jobs.perform_now(jobs.IMPORT, dataset, path=str(sample_folder()))
    assert len(decoded) == IMAGES == job.result["images"] == job.result["embeddings"]
    assert Embedding.objects.count() == IMAGES
    assert job.result["engine"] == network.engine_name
    stages = {name for name in job.result if name.endswith("_s")}
    assert stages == {f"{name}_s" for name in (
        "read", "hash", "decode", "thumbnail", "prepare", "store", "engine", "write", "atlas",
    )}  # fmt: skip
    assert not Job.objects.filter(kind=job_kinds.EXTRACT).exists()


def test_features_are_those_of_an_extraction_afterwards(
    dataset: Dataset, sample_folder: Callable[..., Path]
) -> None:
    folder = str(sample_folder())
    jobs.perform_now(jobs.IMPORT, dataset, path=folder, announce=False, extract=True)
    during = stored_vectors()
    Embedding.objects.all().delete()
    jobs.perform_now(job_kinds.EXTRACT, dataset)
    after = stored_vectors()
    assert set(during) == set(after)
    for pk, vector in during.items():
        cosine = vector @ after[pk] / np.linalg.norm(vector) / np.linalg.norm(after[pk])
        assert cosine > 0.999, pk


def test_images_stored_by_an_import_that_was_killed_are_embedded_when_it_goes_on(
    dataset: Dataset, sample_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The process ends here, without a word."""

    def dies(*_: object) -> None:
        raise Killed

    monkeypatch.setattr("gallery.ingest.intake.BATCH", 5)
    job = jobs.enqueue(jobs.IMPORT, dataset, path=str(sample_folder()))
    with monkeypatch.context() as killing:
        killing.setattr(pipeline.Embedder, "_store", dies)
        with pytest.raises(Killed):
            jobs.perform(job.pk)
    assert Image.objects.count() > 0 == Embedding.objects.count()
    Job.objects.filter(pk=job.pk).update(heartbeat_at="2000-01-01T00:00Z")
    jobs.sweep()
    ended = jobs.perform(job.pk)
    assert ended is not None
    assert (ended.state, ended.result["images"]) == (Job.State.SUCCEEDED, IMAGES)
    assert sorted(stored_vectors()) == sorted(Image.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("parameters", [{"announce": False}, {"announce": False, "extract": False}])
def test_an_import_that_is_not_to_extract_leaves_it(
    parameters: dict[str, bool], dataset: Dataset, sample_folder: Callable[..., Path]
) -> None:
    job = jobs.perform_now(jobs.IMPORT, dataset, path=str(sample_folder(count=1)), **parameters)
    assert "embeddings" not in job.result
    assert Embedding.objects.count() == Job.objects.filter(kind=job_kinds.EXTRACT).count() == 0


def test_where_imports_only_store_an_extraction_is_asked_for(
    dataset: Dataset, sample_folder: Callable[..., Path], settings: Any
) -> None:
    settings.EXTRACT_AT_IMPORT = False
    jobs.perform_now(jobs.IMPORT, dataset, path=str(sample_folder(count=1)))
    assert Embedding.objects.count() == 0
    assert Job.objects.filter(kind=job_kinds.EXTRACT, state=Job.State.QUEUED).count() == 1


def test_a_network_that_cannot_be_loaded_keeps_no_image_out(
    dataset: Dataset, sample_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(config: object) -> None:
        raise WeightsError("The weights are missing.")

    monkeypatch.setattr(loaded_extractors, "extractor", missing)
    job = jobs.perform_now(jobs.IMPORT, dataset, path=str(sample_folder(count=1)))
    assert job.result["images"] == Image.objects.count() == 4
    assert Job.objects.filter(kind=job_kinds.EXTRACT, state=Job.State.QUEUED).count() == 1


def test_an_import_that_fails_or_is_cancelled_leaves_the_rest_to_an_extraction(
    dataset: Dataset, sample_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("the network broke")

    job = jobs.enqueue(jobs.IMPORT, dataset, path=str(sample_folder(count=1)))
    monkeypatch.setattr("search.extractors.feature_extractor.FeatureExtractor.extract_with_logits", broken)
    ended = jobs.perform(job.pk)
    assert ended is not None
    assert (ended.state, "the network broke" in ended.error) == (Job.State.FAILED, True)
    assert Image.objects.count() == 4
    assert Job.objects.filter(kind=job_kinds.EXTRACT, state=Job.State.QUEUED).count() == 1


def test_a_square_image_is_decoded_large_enough_for_its_thumbnail_and_the_network(dataset: Dataset) -> None:
    spec = FeatureSpec(input_size=260)
    seen: list[tuple[int, ...]] = []
    options = storing.PrepareOptions(
        image_limits(), StageTimer(), lambda rgb: seen.append(rgb.shape), spec.input_size
    )
    for size in ((1100, 1100), (1100, 2200), (2200, 1100)):
        rgb = np.zeros((*size, 3), dtype=np.uint8)
        storing.prepare(ArchiveMember("a.jpg", "", jpeg.encoded(rgb, 80)), options)
    assert seen == [(550, 550, 3), (275, 550, 3), (550, 275, 3)]
