"""A dataset that is tuned to its categories: measured, learned, searched, taken back, learned again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from gallery import jobs
from gallery.ingest.removals import dataset_removal
from gallery.models import Dataset, Image
from search import job_kinds
from search.embedding.writer import store_embeddings
from search.experiments import evaluation
from search.experiments.tuning import tuning_jobs
from search.experiments.tuning.tuning_page import drawing_of
from search.features import feature_specs, tunings
from search.index.calibration import Calibration
from search.indexing import builds, labelled_vectors
from search.models import Embedding, Experiment, FeatureSpec, ScoreCalibration, SearchIndex, Tuning
from search.tuned.figures import PointValues
from search.tuned.tuning import Tuning as PureTuning
from search.tuned.tuning import centred_units, learned
from tests.support.labelled_vectors import DIMS, add, labelled
from tests.support.snapshots import restored

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tuned(db: None) -> Dataset:
    """Return a dataset of labelled images that is tuned."""

    def build() -> None:
        dataset = Dataset.objects.create(slug="mine", name="Mine")
        labelled(dataset)
        tune(dataset)

    restored("tuned", build)
    return Dataset.objects.get(slug="mine")


def tune(dataset: Dataset) -> dict[str, Any]:
    """Tune a dataset in this process; returns what came of it."""
    result: dict[str, Any] = jobs.perform_now(job_kinds.TUNE, dataset).result
    return result


def live(dataset: Dataset) -> SearchIndex:
    """Return what answers the searches of a dataset."""
    return SearchIndex.objects.select_related("spec").get(dataset=dataset, live=True)


def test_what_is_learned_is_offered_with_vectors_and_an_index_and_serves_only_when_promoted(
    dataset: Dataset, capsys: Any
) -> None:
    plain = labelled(dataset)
    call_command("tune", "mine", "--json")
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(report) == {
        "config", "categories", "labels", "weighted_precision", "weighted_precision_before", "offered",
    }  # fmt: skip
    assert report["offered"] is True
    assert (report["categories"], report["labels"]) == (4, 60)
    assert report["weighted_precision"] > report["weighted_precision_before"] + 10
    assert report["config"]["dims"] == DIMS + 4
    spec = FeatureSpec.objects.get(tuning=report["config"]["tuning"])
    tuned = SearchIndex.objects.get(dataset=dataset, spec=spec)
    assert tuned.embeddings == 60
    assert tuned.published is not None
    assert live(dataset) == plain
    call_command("promote", "mine", "--tuned")
    assert live(dataset) == tuned
    call_command("promote", "mine", "--back")
    assert live(dataset) == plain
    call_command("promote", "mine", "--back")
    assert live(dataset) == tuned


def test_labels_by_chance_are_not_offered_and_leave_nothing_but_their_figures(dataset: Dataset) -> None:
    labelled(dataset, apart=0.0)
    found = tune(dataset)
    assert found["offered"] is False
    assert found["index"] is None
    assert SearchIndex.objects.filter(dataset=dataset).count() == 1
    row = tuning_jobs.latest(dataset)
    assert row is not None
    assert row.figures["offered"] is False
    with pytest.raises(CommandError, match="not tuned"):
        call_command("promote", "mine", "--tuned")


def test_fewer_than_ten_labels_a_category_are_measured_and_not_offered(dataset: Dataset) -> None:
    labelled(dataset, each=9, apart=4.0)
    found = tune(dataset)
    assert found["weighted_precision"] > found["weighted_precision_before"] + 5
    assert found["offered"] is False


def test_a_dataset_without_labels_cannot_be_tuned(dataset: Dataset) -> None:
    index = labelled(dataset)
    Image.objects.filter(dataset=dataset).update(category="")
    with pytest.raises(Exception, match="no two labelled images"):
        tune(dataset)
    assert live(dataset) == index


def test_images_that_come_get_both_vectors_and_those_that_hide_come_back_with_both(tuned: Dataset) -> None:
    plain = live(tuned)
    call_command("promote", "mine", "--tuned")
    (new,) = add(plain, np.array([2]), seed=9)
    serving = live(tuned)
    stored = Embedding.objects.get(image=new, spec=serving.spec_id)
    own = Embedding.objects.get(image=new, spec=plain.spec_id)
    tuning = tunings.tuning_of(serving.spec.config)
    assert tuning is not None
    expected = tuning.tuned(np.frombuffer(bytes(own.vector), dtype="<f2")[None])[0].astype("<f2")
    assert bytes(stored.vector) == expected.tobytes()
    assert (serving.embeddings, SearchIndex.objects.get(pk=plain.pk).embeddings) == (61, 61)


def test_changed_labels_are_learned_at_the_second_look_and_what_serves_is_replaced(tuned: Dataset) -> None:
    call_command("promote", "mine", "--tuned")
    before = live(tuned)
    assert tuning_jobs.enqueue_due() == []
    some = Image.objects.filter(dataset=tuned, category="kind 1").first()
    assert some is not None
    Image.objects.filter(pk=some.pk).update(category="kind 2")
    assert tuning_jobs.enqueue_due() == [], "somebody may be labelling still"
    (job,) = tuning_jobs.enqueue_due()
    assert tuning_jobs.enqueue_due() == [job]
    jobs.perform(job.pk)
    after = live(tuned)
    assert after.spec.tuning
    assert after != before
    assert not SearchIndex.objects.filter(pk=before.pk).exists()
    assert not Embedding.objects.filter(spec=before.spec_id).exists()
    assert not FeatureSpec.objects.filter(pk=before.spec_id).exists()
    assert Tuning.objects.filter(dataset=tuned).count() == 1
    assert tuning_jobs.enqueue_due() == []
    call_command("promote", "mine", "--back")
    assert not live(tuned).spec.tuning


def test_labels_that_gain_nothing_any_more_leave_what_serves_as_it_is(tuned: Dataset) -> None:
    call_command("promote", "mine", "--tuned")
    serves = live(tuned)
    random = np.random.default_rng(3)
    for image in Image.objects.filter(dataset=tuned):
        Image.objects.filter(pk=image.pk).update(category=f"kind {random.integers(4)}")
    assert tune(tuned)["offered"] is False
    assert live(tuned) == serves
    row = tuning_jobs.latest(tuned)
    assert row is not None
    assert row.spec is None


def test_the_same_labels_are_learned_once(dataset: Dataset) -> None:
    labelled(dataset)
    first = tune(dataset)
    assert tune(dataset) == first
    assert Tuning.objects.filter(dataset=dataset).count() == 1


def test_experiments_and_evaluation_score_images_by_what_was_learned_without_them(dataset: Dataset) -> None:
    labelled(dataset)
    found = tune(dataset)
    index = SearchIndex.objects.select_related("spec").get(pk=found["index"])
    experiment = Experiment.objects.get(dataset=dataset, spec=index.spec)
    assert experiment.images == 60
    assert experiment.queries.count() == 60
    call_command("promote", "mine", "--tuned")
    config, scores = evaluation.evaluate_live(dataset)
    assert config["tuning"] == index.spec.tuning
    assert scores["weighted_precision"] == pytest.approx(found["weighted_precision"], abs=0.02)


def test_tunings_of_two_datasets_with_the_same_images_are_two(dataset: Dataset) -> None:
    labelled(dataset)
    other = Dataset.objects.create(slug="other", name="Other")
    labelled(other)
    first, second = tune(dataset), tune(other)
    assert first["weighted_precision"] == second["weighted_precision"]
    specs = SearchIndex.objects.filter(pk__in=[first["index"], second["index"]]).values_list(
        "spec", flat=True
    )
    assert len(set(specs)) == 2


def test_a_dataset_that_goes_takes_what_was_learned_of_it_along(tuned: Dataset) -> None:
    dataset_removal.remove_dataset(tuned)
    assert not Tuning.objects.exists()
    assert not FeatureSpec.objects.exclude(tuning="").exists()


def test_the_rest_interface_says_what_a_tuning_gains_and_starts_one(
    dataset: Dataset, staff_client: Client, client: Client
) -> None:
    labelled(dataset)
    address = "/api/v1/datasets/mine/tuning/"
    assert client.get(address).json() == {
        "dataset": "mine", "live": False, "least_labels": 10, "unlabelled": 0, "learned": None,
        "index": None, "plain_index": None,
    }  # fmt: skip
    assert client.post(address).status_code in (401, 403)
    job = staff_client.post(address)
    assert job.status_code == 202
    jobs.perform(job.json()["id"])
    found = client.get(address).json()
    assert found["learned"]["offered"] is True
    assert found["learned"]["categories"] == ["kind 0", "kind 1", "kind 2", "kind 3"]
    assert [point["labels"] for point in found["learned"]["curve"]] == [5, 10, 12]
    assert found["learned"]["stale"] is False
    staff_client.post(f"/api/v1/indexes/{found['index']}/promote/")
    call_command("promote", "mine", "--tuned")
    after = client.get(address).json()
    assert after["live"] is True
    assert SearchIndex.objects.get(pk=after["plain_index"]).spec.tuning == ""
    row = next(
        row
        for row in client.get("/api/v1/experiments/leaderboard/?dataset=mine").json()["rows"]
        if row["tuned"]
    )
    assert row["live"] is True
    assert row["title"].endswith(" tuned")


def test_probabilities_of_tuned_scores_are_fitted_on_what_was_learned_without_their_images(
    dataset: Dataset,
) -> None:
    """By chance labels nothing is told, however well the vectors that serve know them."""
    labelled(dataset, each=60, apart=0.0)
    plain = feature_specs.live_index(dataset)
    images = labelled_vectors.read(dataset, plain.spec)
    tuning = PureTuning(
        images.values.centre,
        learned(centred_units(images.values.vectors, images.values.centre), images.values.codes, 4),
    )
    spec = FeatureSpec.objects.for_config(replace(plain.spec.config, dims=tuning.dims, tuning="1" * 64))
    Tuning.objects.create(
        dataset=dataset, base=plain.spec, spec=spec, centre=tuning.centre.tobytes(),
        weights=tuning.weights.tobytes(), categories=images.names, labels=240, labels_digest="",
        images_revision=0, figures={}, seconds=0,
    )  # fmt: skip
    index = feature_specs.index_of(dataset, spec)
    store_embeddings(index, images.ids, tuning.tuned(images.values.vectors))
    builds.rebuild(index)
    found = Calibration.of_values(ScoreCalibration.objects.get(index=index).values)
    best = found.probabilities(np.array([[0.9, 0.9, 0.0, 0.5]]), np.array([True]))
    assert best is None or best[0] < 0.6


def test_the_curve_is_drawn_within_its_frame_and_higher_is_more() -> None:
    def point(labels: float, gain: float, *, all_labels: bool = False) -> PointValues:
        return {
            "labels": labels, "all_labels": all_labels, "weighted_precision": 60 + gain, "gain": gain,
            "gain_low": gain - 2, "gain_high": gain + 2,
        }  # fmt: skip

    curve = [point(5, -1), point(10, 4), point(16.2, 9, all_labels=True)]
    drawing = drawing_of(60.0, curve)
    assert [one.name for one in drawing.points] == ["5", "10", "all"]
    heights = [one.y for one in drawing.points]
    assert heights[0] > drawing.before > heights[1] > heights[2]
    for one in drawing.points:
        assert 0 < one.high < one.y < one.low < drawing.bottom + 1
        assert drawing.left < one.x <= drawing.right
    assert [words for _, words in drawing.ticks] == ["55", "60", "65", "70", "75"]
    assert drawing.points[2].words == "all, 16 labels a category: 69.0 %"
