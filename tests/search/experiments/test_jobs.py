"""Experiments from pictures to rows: what is computed, what is skipped, what makes one out of date."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.test import Client

from gallery import jobs
from gallery.errors import NotFoundError, TooLargeError
from gallery.ingest.removals import dataset_removal, removal
from gallery.ingest.single_image import add_image
from gallery.models import Dataset, FailedFile, Image, Job
from gallery.system.open_datasets import DatasetClosedError
from search import job_kinds
from search.embedding import all_layers
from search.experiments import evaluation, promotion
from search.experiments import jobs as experiment_jobs
from search.experiments.scoring import ScoringOptions, rank_and_score
from search.features import feature_specs, matrices
from search.live import query as live_query
from search.models import Embedding, Experiment, ExperimentQuery, FeatureMatrix, FeatureSpec, SearchIndex
from tests.conftest import image_bytes, import_folder
from tests.support.experiment_rows import stored_images
from tests.support.projection_rows import featured_images, specs
from tests.support.snapshots import restored

LITE0 = experiment_jobs.Plan("efficientnet-lite0", ("average",), ("cosine", "euclidean"))


@pytest.fixture
def labelled(sample_dataset: Callable[..., Dataset]) -> Dataset:
    """Return a dataset of four categories of three pictures, without features."""
    return sample_dataset(count=3, features=False)


@pytest.fixture
def measured(db: None, sample_dataset: Callable[..., Dataset]) -> Dataset:
    """Return that dataset with the sixteen experiments of a network."""

    def build() -> None:
        experiment_jobs.compute_now(sample_dataset(count=3, features=False), LITE0)

    restored("measured-3x4", build)
    return Dataset.objects.get(slug="mine")


def run(*words: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("run_experiments", *words, "--json", stdout=out, stderr=io.StringIO())
    found: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return found


def test_a_network_yields_an_experiment_for_each_layer_and_metric(labelled: Dataset) -> None:
    assert experiment_jobs.compute_now(labelled, LITE0) == (16, 0)
    found = Experiment.objects.filter(dataset=labelled).select_related("spec")
    assert {(row.spec.layer, row.metric) for row in found} == {
        (layer, metric)
        for layer in ("stem", *(f"stage{number}" for number in range(2, 8)), "top")
        for metric in ("cosine", "euclidean")
    }
    assert {row.images for row in found} == {12}
    assert all(row.extract_ms and row.extract_ms > 0 for row in found)
    assert ExperimentQuery.objects.count() == 16 * 12
    top = found.get(spec__layer="top", metric="cosine")
    assert top.spec.dims == 1280
    assert (top.spec.reduction, top.spec.input_size) == ("", 224)


def test_stored_queries_agree_with_the_vectors_they_were_made_of(measured: Dataset) -> None:
    experiment = Experiment.objects.get(spec__layer="top", metric="euclidean")
    ids = np.array(sorted(measured.images.values_list("pk", flat=True)), dtype=np.int64)
    found, vectors = matrices.read(measured, experiment.spec, ids)
    assert found.tolist() == ids.tolist()
    labels = dict(measured.images.values_list("pk", "category"))
    weighted = []
    for place, pk in enumerate(ids):
        distances = np.linalg.norm(vectors.astype(np.float64) - vectors[place].astype(np.float64), axis=1)
        order = [int(ids[other]) for other in np.argsort(distances, kind="stable") if other != place]
        query = experiment.queries.get(image_id=pk)
        assert np.frombuffer(query.neighbours, "<i8").tolist() == order
        assert np.frombuffer(query.scores, "<f4") == pytest.approx(-np.sort(distances)[1:], rel=1e-5)
        right = [labels[other] == labels[pk] for other in order[:10]]
        weighted.append(sum((10 - rank) * hit for rank, hit in enumerate(right)) / 55)
        assert query.weighted_precision == pytest.approx(weighted[-1])
    assert experiment.weighted_precision == pytest.approx(np.mean(weighted))


def test_a_second_run_adds_only_what_is_missing(labelled: Dataset) -> None:
    first = run("--dataset", "mine", "--models", "efficientnet-lite0")
    assert (first["experiments"], first["skipped"]) == (16, 0)
    assert first["best"]["model"] == "efficientnet-lite0"
    kept = set(ExperimentQuery.objects.values_list("pk", flat=True))
    second = run("--dataset", "mine", "--models", "efficientnet-lite0")
    assert (second["experiments"], second["skipped"]) == (0, 16)
    third = run(
        "--dataset", "mine", "--models", "efficientnet-lite0", "--metrics", "cosine,manhattan,inner_product"
    )
    assert (third["experiments"], third["skipped"]) == (16, 8)
    assert kept <= set(ExperimentQuery.objects.values_list("pk", flat=True))
    assert third["best"] == second["best"] or third["best"]["metric"] in ("manhattan", "inner_product")


def test_a_new_image_makes_experiments_stale_and_only_it_is_extracted(
    measured: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not experiment_jobs.is_missing(measured, LITE0)
    add_image(measured, "new.png", image_bytes(1), "birds")
    assert experiment_jobs.is_missing(measured, LITE0)
    stored: list[int] = []
    original = matrices.append

    def noted(dataset: Dataset, spec: FeatureSpec, ids: Any, vectors: Any) -> None:
        stored.extend(ids.tolist())
        original(dataset, spec, ids, vectors)

    monkeypatch.setattr(matrices, "append", noted)
    assert experiment_jobs.compute_now(measured, LITE0) == (16, 0)
    new = measured.images.latest("pk").pk
    assert stored == [new] * 8
    assert Experiment.objects.filter(images=13).count() == 16
    assert FeatureMatrix.objects.count() == 8, "small matrices are merged"


def test_a_new_label_makes_experiments_stale_without_extracting_again(measured: Dataset) -> None:
    files = set(FeatureMatrix.objects.values_list("file", flat=True))
    Image.objects.filter(pk=measured.images.earliest("pk").pk).update(category="other")
    assert experiment_jobs.compute_now(measured, LITE0) == (16, 0)
    assert set(FeatureMatrix.objects.values_list("file", flat=True)) == files


def test_the_job_lets_urgent_work_go_first_while_it_extracts_and_goes_on_from_there(
    labelled: Dataset, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EXTRACT_BATCH = 4
    monkeypatch.setattr(all_layers, "STORE_EVERY_BATCHES", 1)
    job = jobs.enqueue(job_kinds.EXPERIMENT, labelled, **LITE0.as_job())
    urgent = Job.objects.create(kind=jobs.IMPORT, dataset=labelled)
    for stored in (4, 8):
        waiting = jobs.perform(job.pk, gives_way=True)
        assert waiting
        assert waiting.state == Job.State.QUEUED
        assert set(FeatureMatrix.objects.values_list("count", flat=True)) == {stored}
    urgent.delete()
    ended = jobs.perform(job.pk, gives_way=True)
    assert ended
    assert (ended.state, ended.result["experiments"]) == (Job.State.SUCCEEDED, 16)


def test_images_that_swapped_their_labels_are_noticed(dataset: Dataset) -> None:
    ids = stored_images(dataset, ["cats", "dogs", "dogs", "cats"])
    before = dataset.current_revision()
    for pk, category in zip(ids, ["dogs", "cats", "cats", "dogs"], strict=True):
        Image.objects.filter(pk=pk).update(category=category)
    assert dataset.current_revision() != before


def test_removed_images_leave_the_experiments(measured: Dataset) -> None:
    removal.remove_images([measured.images.earliest("pk").pk])
    assert ExperimentQuery.objects.count() == 16 * 11
    assert experiment_jobs.compute_now(measured, LITE0) == (16, 0)
    assert set(Experiment.objects.values_list("images", flat=True)) == {11}


def test_an_image_that_takes_the_place_of_a_removed_one_is_extracted(measured: Dataset) -> None:
    removal.remove_images([measured.images.earliest("pk").pk])
    add_image(measured, "new.png", image_bytes(1), "birds")
    assert experiment_jobs.compute_now(measured, LITE0) == (16, 0)
    assert set(Experiment.objects.values_list("images", flat=True)) == {12}
    assert ExperimentQuery.objects.filter(image__filename="new.png").count() == 16


@pytest.mark.django_db(transaction=True)
def test_features_are_read_while_another_job_merges_them_and_a_lost_file_is_no_end(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = np.array(featured_images(dataset, ["cats", "dogs"]), dtype=np.int64)
    (spec,) = specs()[:1]
    listed = matrices._matrices(dataset, spec)
    assert len(listed) == 1
    more = np.array(stored_images(dataset, ["cats"]), dtype=np.int64)
    matrices.append(dataset, spec, more, np.ones((1, spec.dims), dtype=np.float32))
    seen = iter([listed])
    original = matrices._matrices
    monkeypatch.setattr(matrices, "_matrices", lambda *which: next(seen, None) or original(*which))
    assert matrices.held(dataset, spec).tolist() == [*ids.tolist(), *more.tolist()]
    seen = iter([listed])
    assert matrices.read(dataset, spec, ids)[0].tolist() == ids.tolist()
    default_storage.delete(str(FeatureMatrix.objects.get(spec=spec).file.name))
    assert matrices.held(dataset, spec).tolist() == [], "what is lost is extracted again"
    assert not FeatureMatrix.objects.filter(spec=spec).exists()


@pytest.mark.django_db(transaction=True)
def test_features_of_a_dataset_that_was_removed_meanwhile_leave_no_file(dataset: Dataset) -> None:
    ids = np.array(featured_images(dataset, ["cats", "dogs"]), dtype=np.int64)
    (spec,) = specs()[:1]
    folder = str(Path(FeatureMatrix.objects.get(spec=spec).file.name or "").parent)
    gone = Dataset.objects.get(pk=dataset.pk)
    dataset_removal.remove_dataset(dataset)
    with pytest.raises(DatasetClosedError):
        matrices.append(gone, spec, ids, np.ones((2, spec.dims), dtype=np.float32))
    assert default_storage.listdir(folder)[1] == []


@pytest.mark.django_db(transaction=True)
def test_a_removed_dataset_takes_its_feature_files_with_it(measured: Dataset) -> None:
    files = list(FeatureMatrix.objects.values_list("file", flat=True))
    assert all(default_storage.exists(file) for file in files)
    dataset_removal.remove_dataset(measured)
    assert not any(default_storage.exists(file) for file in files)


def test_an_unlabelled_dataset_gets_neighbours_without_scores(labelled: Dataset) -> None:
    labelled.images.update(category="")
    experiment_jobs.compute_now(labelled, LITE0)
    assert set(Experiment.objects.values_list("weighted_precision", "average_precision")) == {(None, None)}
    query = ExperimentQuery.objects.first()
    assert query is not None
    assert len(np.frombuffer(query.neighbours, "<i8")) == 11
    assert query.precision is None
    assert run("--dataset", "mine", "--models", "efficientnet-lite0")["best"] == {}


def test_unlabelled_images_are_neighbours_but_no_part_of_the_scores() -> None:
    vectors = np.array([[0], [0.1], [1], [5], [5.2]], dtype=np.float32)
    found = rank_and_score(vectors, ["a", "", "a", "b", "b"], ScoringOptions("euclidean", 4, 1))
    assert found.places[0].tolist() == [1, 2, 3, 4]
    assert found.scores is not None
    assert found.scores.queries.tolist() == [0, 2, 3, 4]
    assert found.scores.precision.tolist() == [1, 1, 1, 1]
    assert found.scores.confusion[0] == {"category": "a", "neighbours": [{"category": "a", "count": 2}]}


def test_an_image_that_cannot_be_read_is_listed_and_the_rest_is_measured(labelled: Dataset) -> None:
    broken = labelled.images.earliest("pk")
    with default_storage.open(str(broken.file.name), "wb") as file:
        file.write(b"no picture")
    experiment_jobs.compute_now(labelled, LITE0)
    assert [row.name for row in FailedFile.objects.all()] == [broken.filename]
    assert set(Experiment.objects.values_list("images", flat=True)) == {11}


def test_layers_whose_flattened_map_would_be_too_long_are_left_out(labelled: Dataset) -> None:
    with pytest.raises(TooLargeError):
        feature_specs.experiment_spec("efficientnet-lite0", "stem", "flatten")
    plan = experiment_jobs.Plan("efficientnet-lite0", ("flatten",), ("cosine",))
    computed, _ = experiment_jobs.compute_now(labelled, plan)
    layers = set(Experiment.objects.values_list("spec__layer", flat=True))
    assert computed == len(layers)
    assert "top" in layers
    assert "stem" not in layers


def test_unknown_names_are_refused_before_anything_runs(labelled: Dataset) -> None:
    for words in (("alexnet",), (), ("median",)), ((), ("alexnet",), ()), ((), (), ("chebyshev",)):
        with pytest.raises(NotFoundError, match=r"there are|known ones are"):
            experiment_jobs.enqueue(labelled, experiment_jobs.plans(*words))
    assert not Job.objects.filter(kind=job_kinds.EXPERIMENT).exists()


def test_a_network_without_weights_is_named_and_the_rest_runs(
    labelled: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    report = run("--dataset", "mine", "--models", "mobilenet,colour-histogram")
    assert report["experiments"] == 2
    assert report["skipped"] == 16
    assert [row["model"] for row in report["unavailable"]] == ["mobilenet"]
    assert "mobilenet" in report["unavailable"][0]["reason"]


def test_asking_twice_queues_one_job(labelled: Dataset) -> None:
    asked = experiment_jobs.plans(["efficientnet-lite0"])
    first = experiment_jobs.enqueue(labelled, asked, create=jobs.enqueue_for_startup)
    again = experiment_jobs.enqueue(labelled, asked, create=jobs.enqueue_for_startup)
    assert [job.pk for job in first] == [job.pk for job in again]
    jobs.perform(first[0].pk)
    assert experiment_jobs.enqueue(labelled, asked, create=jobs.enqueue_for_startup) == []


def test_promotion_switches_live_search_and_keeps_the_old_index(
    dataset: Dataset, sample_folder: Callable[..., Path]
) -> None:
    import_folder(dataset, sample_folder())
    before = feature_specs.live_index(dataset)
    experiment_jobs.compute_now(dataset, LITE0)
    experiment = Experiment.objects.get(spec__layer="stage5", metric="cosine")
    job = promotion.enqueue(experiment)
    assert promotion.enqueue(experiment).pk == job.pk
    done = jobs.perform(job.pk)
    assert done is not None
    assert done.state == Job.State.SUCCEEDED, done.error
    assert feature_specs.live_index(dataset).spec == experiment.spec
    assert SearchIndex.objects.filter(dataset=dataset, live=True).count() == 1
    assert Embedding.objects.filter(spec=before.spec).count() == 12
    query = dataset.images.earliest("pk")
    response = live_query.search(live_query.SearchRequest(image_id=query.pk, dataset="mine", k=3))
    assert len(response.hits) == 3
    with pytest.raises(promotion.NotPromotableError, match="already"):
        promotion.enqueue(experiment)


def test_an_early_layer_made_live_does_not_flood_a_search_over_all_datasets(
    dataset: Dataset, sample_folder: Callable[..., Path]
) -> None:
    import_folder(dataset, sample_folder(count=4))
    other = Dataset.objects.create(slug="other", name="Other")
    import_folder(other, sample_folder("clipart200", count=4))
    experiment_jobs.compute_now(other, LITE0)
    jobs.perform(promotion.enqueue(Experiment.objects.get(spec__layer="stem", metric="cosine")).pk)
    query = dataset.images.filter(category="birds").earliest("pk")
    response = live_query.search(live_query.SearchRequest(image_id=query.pk, k=3))
    assert {hit.image.dataset for hit in response.hits} == {dataset.slug}
    assert response.hits[0].image.category == "birds"


def test_only_cosine_can_be_promoted(measured: Dataset) -> None:
    experiment = Experiment.objects.get(spec__layer="top", metric="euclidean")
    with pytest.raises(promotion.NotPromotableError, match="cosine"):
        promotion.enqueue(experiment)


def test_evaluate_with_options_says_what_the_experiment_says(labelled: Dataset) -> None:
    out = io.StringIO()
    call_command(
        "evaluate", "mine", model="efficientnet-lite0", layer="stage5", pooling="average",
        metric="euclidean", json=True, stdout=out,
    )  # fmt: skip
    said = json.loads(out.getvalue())
    experiment = Experiment.objects.get(spec__layer="stage5", metric="euclidean")
    assert said["weighted_precision"] == pytest.approx(100 * (experiment.weighted_precision or 0), abs=0.01)
    assert said["map"] == pytest.approx(100 * (experiment.average_precision or 0), abs=0.01)
    assert said["config"]["layer"] == "stage5"
    labelled.images.update(category="")
    config = experiment.spec.config
    with pytest.raises(evaluation.UnlabelledError):
        evaluation.evaluate_experiment(labelled, config, "cosine")


def test_a_dataset_without_images_has_nothing_to_compute(dataset: Dataset) -> None:
    assert experiment_jobs.enqueue(dataset, experiment_jobs.plans()) == []
    assert run("--dataset", "mine", "--models", "efficientnet-lite0")["experiments"] == 0
    assert not Experiment.objects.exists()


def test_features_that_would_not_fit_in_memory_are_refused_in_words(
    labelled: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = feature_specs.experiment_spec("efficientnet-lite0", "top", "average")
    monkeypatch.setattr(matrices, "LARGEST_READ_BYTES", 12 * 1280 * 4 - 1)
    with pytest.raises(TooLargeError, match=r"of 12 images take .* choose average"):
        matrices.read(labelled, spec, np.arange(12, dtype=np.int64))


def test_only_staff_switches_live_search_to_an_index(labelled: Dataset, staff_client: Client) -> None:
    live = feature_specs.live_index(labelled)
    address = f"/api/v1/indexes/{live.pk}/promote/"
    assert Client().post(address).status_code in (401, 403)
    refused = staff_client.post(address)
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "not_promotable"
    earlier = SearchIndex.objects.create(
        dataset=labelled, spec=feature_specs.experiment_spec("efficientnet-lite0", "top", "average")
    )
    asked = staff_client.post(f"/api/v1/indexes/{earlier.pk}/promote/")
    assert (asked.status_code, asked.json()["kind"]) == (202, "promote")
    listed = staff_client.get("/api/v1/indexes/?dataset=mine").json()["results"]
    assert [row["id"] for row in listed] == [earlier.pk, live.pk]
    assert staff_client.get("/api/v1/indexes/?dataset=theirs").json()["results"] == []


def test_the_live_configuration_is_measured_by_the_vectors_it_has(
    sample_dataset: Callable[..., Dataset],
) -> None:
    dataset = sample_dataset(count=3)
    live = feature_specs.live_index(dataset)
    plan = experiment_jobs.Plan(live.spec.model, (), ("cosine",))
    assert experiment_jobs.is_missing(dataset, plan)
    assert experiment_jobs.compute_now(dataset, plan) == (1, 0)
    assert not experiment_jobs.is_missing(dataset, plan)
    measured = Experiment.objects.get(dataset=dataset, spec=live.spec, metric="cosine")
    stored = (
        Embedding.objects.filter(dataset=dataset, spec=live.spec).select_related("image").order_by("image")
    )
    vectors = np.stack([np.frombuffer(bytes(row.vector), dtype="<f2").astype(np.float32) for row in stored])
    scores = rank_and_score(
        vectors, [row.image.category for row in stored], ScoringOptions("cosine", 50, 10)
    ).scores
    assert scores is not None
    assert measured.weighted_precision == pytest.approx(float(scores.weighted_precision.mean()))
    assert measured.images == 12
