"""Images and datasets are deleted beside imports, extractions, builds, promotions, experiments and maps."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gallery import jobs
from gallery.ingest.removals import removal
from gallery.jobs import broker
from gallery.models import Dataset, FailedFile, Image, Job
from search import job_kinds
from search.embedding import pipeline
from search.experiments import jobs as experiment_jobs
from search.features import feature_specs
from search.index.base import PublishedGeneration
from search.indexing import builds
from search.maps import jobs as map_jobs
from search.models import IndexBuild, RemovedEmbedding
from tests.support.deletions import NETWORK, Deletions, disagreements, lay_out, left_of

KINDS = (job_kinds.EXTRACT, job_kinds.INDEX, job_kinds.PROMOTE, job_kinds.EXPERIMENT, job_kinds.PROJECT)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quiet_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let messages go nowhere at once."""
    monkeypatch.setattr(broker, "send", lambda *_, **__: None)


@pytest.mark.parametrize(
    ("seed", "deletions"), [(1, 30), pytest.param(2, 300, marks=[pytest.mark.hostile, pytest.mark.slow])]
)
def test_no_job_fails_of_a_deletion_and_nothing_is_left_half_done(
    tmp_path: Path, seed: int, deletions: int
) -> None:
    run = Deletions(seed, deletions, lay_out(tmp_path / "folder"))
    run.run()
    assert run.wrong == []
    assert run.gone
    assert not Job.objects.exclude(state__in=(Job.State.SUCCEEDED, Job.State.CANCELLED)).exists()
    assert left_of(run.gone) == []
    assert disagreements() == []
    assert {kind for kind, _ in run.ended} >= {jobs.IMPORT, jobs.REMOVE, *KINDS}, run.ended


def test_an_image_that_goes_after_its_vector_was_read_is_not_found_in_the_new_index(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.perform_now(jobs.IMPORT, dataset, path=str(lay_out(tmp_path / "folder")))
    index = feature_specs.live_index(dataset)
    original = builds._published

    def published(build: IndexBuild, generation: PublishedGeneration) -> None:
        # the removal began long before the build, and is committed only now
        removal.remove_images([dataset.images.latest("pk").pk])
        RemovedEmbedding.objects.update(removed_at=build.started_at - timedelta(minutes=1))
        original(build, generation)

    monkeypatch.setattr(builds, "_published", published)
    builds.rebuild(index)
    monkeypatch.setattr(builds, "_published", original)
    assert index.removed.count() == 1, "the new generation holds it: it stays masked"
    assert disagreements() == []
    builds.rebuild(index)
    assert index.removed.count() == 0
    assert disagreements() == []


def test_a_network_that_extracts_all_layers_passes_over_images_that_go_meanwhile(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.perform_now(jobs.IMPORT, dataset, path=str(lay_out(tmp_path / "folder")))
    original = pipeline.prepared

    def prepared(rows: Iterable[Image], *others: Any) -> Any:
        read = list(rows)
        removal.remove_images([row.pk for row in read[::2]])
        return original(read, *others)

    monkeypatch.setattr(pipeline, "prepared", prepared)
    computed, _ = experiment_jobs.compute_now(dataset, experiment_jobs.plans((NETWORK,))[0])
    assert computed
    assert not FailedFile.objects.exists()
    assert disagreements() == []


def test_an_experiment_of_images_that_are_all_gone_by_then_is_none(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.perform_now(jobs.IMPORT, dataset, path=str(lay_out(tmp_path / "folder")), announce=False)
    asked = [
        *experiment_jobs.enqueue(dataset, experiment_jobs.plans((NETWORK,))),
        *map_jobs.enqueue(dataset, map_jobs.plans(("pca",), (NETWORK,))),
        jobs.enqueue(job_kinds.EXTRACT, dataset),
        jobs.enqueue(job_kinds.INDEX, dataset),
    ]
    removal.remove_images(dataset.images.values_list("pk", flat=True))
    ended = [jobs.perform(job.pk) for job in asked]
    assert [job.error for job in ended if job] == [""] * len(asked)
