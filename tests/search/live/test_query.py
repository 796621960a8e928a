"""Extraction, evaluation and verification over real pictures and the real network."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from gallery import jobs
from gallery.models import Dataset, FailedFile, Image
from gallery.system.concurrency import locking
from search import job_kinds, metrics
from search.experiments import evaluation
from search.features import feature_specs, loaded_extractors
from search.indexing import backends, builds, snapshots
from search.maintenance import verification
from search.management.commands import verify
from search.models import Embedding, FeatureMatrix, SearchIndex

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def indexed(sample_dataset: Callable[..., Dataset]) -> Dataset:
    """Return twelve searchable pictures in four categories, with a published generation."""
    dataset = sample_dataset(count=3)
    builds.rebuild(feature_specs.live_index(dataset))
    return dataset


def last_line(capsys: Any) -> dict[str, Any]:
    """Return the JSON a command printed last."""
    value: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return value


def test_weighted_precision_agrees_with_hand_computed_cases() -> None:
    relevant = np.array([[True, False, True], [False, False, False], [True, True, True]])
    expected = [(3 + 1) / 6, 0.0, 1.0]
    assert metrics.weighted_precision_at(relevant, 3).tolist() == pytest.approx(expected)
    assert metrics.precision_at(relevant, 2).tolist() == pytest.approx([0.5, 0.0, 1.0])
    totals = np.array([2, 0, 3])
    assert metrics.average_precision(relevant, totals).tolist() == pytest.approx([(1 + 2 / 3) / 2, 0.0, 1.0])


def test_a_result_list_shorter_than_k_counts_as_missed() -> None:
    assert metrics.weighted_precision_at(np.array([[True]]), 2).tolist() == pytest.approx([2 / 3])


def test_scores_equal_those_of_a_plain_reference() -> None:
    random = np.random.default_rng(5)
    keys = np.arange(10, 40, dtype=np.int64)
    labels = np.array([f"c{value}" for value in random.integers(0, 4, len(keys))])
    ranked = np.stack([random.permutation(keys[keys != key]) for key in keys])
    by_key = dict(zip(keys.tolist(), labels.tolist(), strict=True))
    total = 0.0
    for key, row in zip(keys.tolist(), ranked.tolist(), strict=True):
        hits = [by_key[other] == by_key[key] for other in row[:10]]
        total += sum(10 - place for place, hit in enumerate(hits) if hit) / 55
    expected = round(100 * total / len(keys), 2)
    assert evaluation.score(ranked, keys, labels, 10)["weighted_precision"] == pytest.approx(expected)


def test_evaluate_scores_the_live_configuration(indexed: Dataset, capsys: Any) -> None:
    call_command("evaluate", "mine", "--k", "2", "--json")
    report = last_line(capsys)
    assert set(report) == {"config", "weighted_precision", "precision", "map"}
    assert 60 < report["weighted_precision"] <= 100


def test_evaluate_extracts_what_another_configuration_lacks(indexed: Dataset, capsys: Any) -> None:
    call_command("evaluate", "mine", "--model", "efficientnet-lite0", "--pooling", "average", "--json")
    report = last_line(capsys)
    assert report["config"]["model"] == "efficientnet-lite0"
    assert report["config"]["metric"] == "cosine"
    kept = FeatureMatrix.objects.get(spec__model="efficientnet-lite0", spec__layer="top")
    assert kept.count == 12
    assert not Embedding.objects.filter(spec__model="efficientnet-lite0").exists()
    assert SearchIndex.objects.get(live=True).spec.model == feature_specs.live_spec().model


def test_evaluate_says_why_unlabelled_images_cannot_be_scored(dataset: Dataset, capsys: Any) -> None:
    with pytest.raises(CommandError, match="subfolder a category"):
        call_command("evaluate", "mine")
    with pytest.raises(CommandError, match="Known: mine"):
        call_command("evaluate", "theirs")


def test_extraction_twice_makes_nothing_twice(indexed: Dataset, capsys: Any) -> None:
    before = list(Embedding.objects.order_by("pk").values_list("pk", flat=True))
    call_command("extract_features", "--json")
    assert last_line(capsys)["embeddings"] == 0
    assert list(Embedding.objects.order_by("pk").values_list("pk", flat=True)) == before


def test_a_stored_file_that_cannot_be_read_fails_alone(
    dataset: Dataset, sample_folder: Callable[..., Path]
) -> None:
    folder = str(sample_folder(count=3))
    jobs.perform_now(jobs.IMPORT, dataset, path=folder, announce=False)
    first, second = Image.objects.order_by("pk")[:2]
    Path(first.file.path).unlink()
    Path(second.file.path).write_bytes(b"torn")
    job = jobs.perform_now(job_kinds.EXTRACT, dataset)
    assert (job.result["embeddings"], job.result["failed"]) == (10, 2)
    assert set(FailedFile.objects.filter(job=job).values_list("image_id", flat=True)) == {first.pk, second.pk}


def test_vectors_belong_to_their_own_images_whatever_fails(
    dataset: Dataset, sample_folder: Callable[..., Path]
) -> None:
    jobs.perform_now(jobs.IMPORT, dataset, path=str(sample_folder(count=3)), announce=False)
    for image in Image.objects.order_by("pk")[1:12:3]:
        Path(image.file.path).write_bytes(b"torn")
    jobs.perform_now(job_kinds.EXTRACT, dataset)
    network = loaded_extractors.extractor(feature_specs.live_spec().config)
    from gallery.imaging import decoding
    from gallery.imaging.decoding import ImageLimits

    for row in Embedding.objects.select_related("image"):
        rgb = decoding.decode(Path(row.image.file.path).read_bytes(), ImageLimits())
        alone = network.extract(network.prepare(rgb)[None])[0]
        stored = np.frombuffer(bytes(row.vector), dtype="<f2").astype(np.float32)
        cosine = float(alone @ stored / np.linalg.norm(alone) / np.linalg.norm(stored))
        assert cosine > 0.99


def test_verify_finds_and_repair_mends(indexed: Dataset, capsys: Any) -> None:
    assert verification.verify().ok
    images = list(Image.objects.order_by("pk"))
    Path(images[0].file.path).unlink()
    stray = Path(images[1].file.path).with_name("f" * 64 + ".jpg")
    stray.write_bytes(b"nobody's")
    Embedding.objects.filter(image=images[2]).delete()
    (current,) = Path(backends.faiss_store().root).glob("*/CURRENT")
    generation = current.parent / current.read_text().strip()
    (generation / "index.faiss").write_bytes(b"broken")
    snapshots.forget()
    found = verification.verify()
    assert not found.ok
    command = verify.Command()
    call_command(command, "--json")
    assert command.exit_status == 1
    assert last_line(capsys)["ok"] is False
    call_command("verify", "--repair", "--json")
    report = last_line(capsys)
    assert report["ok"] is True
    assert report["images"] == report["embeddings"] == report["indexed"] == 11
    assert not stray.exists()


def test_a_damaged_generation_is_not_served_and_searches_read_the_database(indexed: Dataset) -> None:
    (current,) = Path(backends.faiss_store().root).glob("*/CURRENT")
    (current.parent / current.read_text().strip() / "vectors.f16").write_bytes(b"")
    snapshots.forget()
    index = feature_specs.live_index(indexed)
    assert snapshots.searchable(index).count == 12


def test_an_index_is_built_by_one_process_at_a_time(indexed: Dataset) -> None:
    index = feature_specs.live_index(indexed)

    def build() -> None:
        try:
            jobs.perform_now(job_kinds.INDEX, indexed)
        finally:
            connection.close()

    builder = threading.Thread(target=build)
    with locking.exclusive_lock(f"index-{index.pk}"):
        builder.start()
        builder.join(1.0)
        assert builder.is_alive()
        assert index.builds.count() == 1
    builder.join()
    assert index.builds.count() == 2


def test_a_rebuild_follows_when_enough_has_changed(indexed: Dataset, settings: Any) -> None:
    index = feature_specs.live_index(indexed)
    assert not builds.wants_rebuild(index)
    settings.COMPACT_AFTER = 2
    from gallery.ingest.removals import removal

    removal.remove_images(Image.objects.order_by("pk").values_list("pk", flat=True)[:3])
    assert builds.wants_rebuild(feature_specs.live_index(indexed))
    call_command("rebuild_index")
    index = feature_specs.live_index(indexed)
    assert not index.removed.exists()
    assert snapshots.searchable(index).count == 9
