"""Maps from features to rows: aligned layers, resumed jobs, new pictures placed, two jobs at once."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection

from gallery import jobs
from gallery.errors import NotFoundError, SemsearchError
from gallery.ingest.removals import dataset_removal, removal
from gallery.models import Dataset, Image, Job
from gallery.system.open_datasets import DatasetClosedError
from search import job_kinds
from search.features import matrices
from search.maps import files as map_files
from search.maps import jobs as map_jobs
from search.maps import layers as map_layers
from search.models import Projection
from search.projections.plan import ProjectionInputError, ProjectionPlan
from tests.conftest import SAMPLES, import_folder
from tests.support.aligned_maps import displacement, project_aligned
from tests.support.deletions import stored
from tests.support.projection_rows import MODEL, featured_images, maps, pca, project, specs

pytestmark = pytest.mark.django_db

CATEGORIES = ("cats", "dogs", "birds", "fish") * 4


def points(row: Projection) -> np.ndarray[Any, Any]:
    return map_files.read(row).points


def vectors(dataset: Dataset) -> list[np.ndarray[Any, Any]]:
    ids = np.array(sorted(dataset.images.values_list("pk", flat=True)), dtype=np.int64)
    return [matrices.read(dataset, spec, ids)[1] for spec in specs()]


def test_the_maps_are_those_of_all_layers_aligned_and_know_how_good_they_are(dataset: Dataset) -> None:
    ids = featured_images(dataset, CATEGORIES)
    job = project(dataset, pca())
    assert job.result == {"projections": 8, "skipped": 0}
    expected = project_aligned(vectors(dataset), ProjectionPlan(method="pca"))
    rows = maps(dataset)
    assert [row.spec.layer for row in rows] == ["stem", *(f"stage{n}" for n in range(2, 8)), "top"]
    for row, planar_map in zip(rows, expected, strict=True):
        stored = map_files.read(row)
        assert stored.ids.tolist() == ids
        assert np.array_equal(stored.points, planar_map.points)
        assert stored.clusters.shape == (16,)
        assert (row.count, row.fitted) == (16, 16)
        assert 0 < row.trustworthiness <= 1
        assert 0 <= row.neighbour_agreement <= 1
        assert row.separation is not None
        assert row.weighted_separation == pytest.approx(row.trustworthiness * row.separation)
        assert row.parameters == {"metric": "cosine", "seed": 42}


@contextmanager
def dying_after_three(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Interrupt the job in these lines after it has stored three maps."""
    original, stored = map_files.store, list[Projection]()

    def store(row: Projection, planar_map: map_files.StoredMap) -> None:
        if len(stored) == 3:
            raise jobs.JobInterruptedError
        stored.append(row)
        original(row, planar_map)

    with monkeypatch.context() as dying:
        dying.setattr(map_files, "store", store)
        yield


def test_a_killed_job_goes_on_and_comes_to_the_same_maps(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    featured_images(dataset, CATEGORIES)
    expected = project_aligned(vectors(dataset), ProjectionPlan(method="pca"))
    job = jobs.enqueue(job_kinds.PROJECT, dataset, **pca().as_job())
    with dying_after_three(monkeypatch):
        jobs.perform(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED
    before = {row.pk: row.file.name for row in maps(dataset)}
    assert len(before) == 3
    ended = jobs.perform(job.pk)
    assert ended
    assert ended.result == {"projections": 5, "skipped": 3}
    rows = maps(dataset)
    assert before.items() <= {row.pk: row.file.name for row in rows}.items(), "the first three were kept"
    for row, planar_map in zip(rows, expected, strict=True):
        assert np.array_equal(points(row), planar_map.points)


def test_new_images_are_placed_and_the_old_stay_where_they_are(dataset: Dataset) -> None:
    featured_images(dataset, CATEGORIES)
    project(dataset, pca())
    before = [points(row) for row in maps(dataset)]
    assert not map_jobs.is_missing(dataset, pca())
    featured_images(dataset, ("cats", "dogs"), seed=1)
    assert map_jobs.is_missing(dataset, pca())
    project(dataset, pca())
    for row, old in zip(maps(dataset), before, strict=True):
        assert (row.count, row.fitted) == (18, 16)
        assert np.array_equal(points(row)[:16], old)
        assert len(map_files.read(row).clusters) == 18
    assert not map_jobs.is_missing(dataset, pca())


def test_made_afresh_a_map_is_the_one_of_all_images_also_when_the_job_is_resumed(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    featured_images(dataset, CATEGORIES)
    project(dataset, pca())
    featured_images(dataset, ("cats", "dogs"), seed=1)
    project(dataset, pca())
    job = jobs.enqueue(job_kinds.PROJECT, dataset, **pca(afresh=True).as_job())
    with dying_after_three(monkeypatch):
        jobs.perform(job.pk)
    ended = jobs.perform(job.pk)
    assert ended
    assert ended.result == {"projections": 5, "skipped": 3}
    expected = project_aligned(vectors(dataset), ProjectionPlan(method="pca"))
    for row, planar_map in zip(maps(dataset), expected, strict=True):
        assert row.fitted == 18
        assert np.array_equal(points(row), planar_map.points)


def test_a_map_that_most_images_would_be_placed_on_is_made_afresh(dataset: Dataset) -> None:
    featured_images(dataset, CATEGORIES[:6])
    project(dataset, pca())
    featured_images(dataset, CATEGORIES, seed=1)
    project(dataset, pca())
    assert {row.fitted for row in maps(dataset)} == {22}


def test_a_removed_image_leaves_the_map_and_a_new_label_changes_only_the_separation(
    dataset: Dataset,
) -> None:
    ids = featured_images(dataset, CATEGORIES)
    project(dataset, pca())
    old = {row.pk: (points(row), row.separation) for row in maps(dataset)}
    removal.remove_images(ids[3:4])
    Image.objects.filter(pk=ids[0]).update(category="fish")
    project(dataset, pca())
    for row in maps(dataset):
        assert row.count == 15
        assert np.array_equal(points(row), np.delete(old[row.pk][0], 3, axis=0))
        assert row.separation != old[row.pk][1]


def test_without_labels_there_is_no_separation_but_clusters_shared_by_the_methods(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    featured_images(dataset, [""] * 20)
    project(dataset, pca())

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("clusters are computed again")

    monkeypatch.setattr("search.maps.layers.clusters", never)
    (tsne,) = map_jobs.plans(["tsne"], [MODEL], parameters={"perplexity": 4.0})
    project(dataset, tsne)
    for one, other in zip(maps(dataset), maps(dataset, "tsne"), strict=True):
        assert (one.separation, one.weighted_separation) == (None, None)
        assert map_files.read(one).clusters.tolist() == map_files.read(other).clusters.tolist()
        assert other.parameters == {"metric": "cosine", "perplexity": 4.0, "seed": 42}


def test_what_is_asked_for_twice_is_one_job_and_what_is_there_none(dataset: Dataset) -> None:
    featured_images(dataset, CATEGORIES)
    asked = map_jobs.plans(["pca", "umap"], [MODEL])
    first = map_jobs.enqueue(dataset, asked)
    assert [job.parameters["method"] for job in first] == ["pca", "umap"]
    assert map_jobs.enqueue(dataset, asked) == first
    jobs.perform(first[0].pk)
    assert map_jobs.enqueue(dataset, asked) == first[1:]
    (again,) = map_jobs.enqueue(dataset, [pca(afresh=True)])
    assert again.parameters["afresh"]


def test_umap_of_the_default_network_comes_first_and_parameters_go_where_they_belong() -> None:
    first, *_ = found = map_jobs.plans(parameters={"neighbours": 5, "perplexity": 9.0})
    assert len(found) == 9
    assert (first.projection.method, first.model) == ("umap", "efficientnet-lite2")
    assert first.parameters == {"metric": "cosine", "neighbours": 5, "min_dist": 0.1, "seed": 42}
    assert found[3].parameters == {"metric": "cosine", "perplexity": 9.0, "seed": 42}
    assert found[6].digest == map_jobs.plans(["pca"])[0].digest


def test_what_cannot_be_asked_for_is_refused_in_words(dataset: Dataset) -> None:
    with pytest.raises(NotFoundError, match="no method 'mds'; there are umap, tsne, pca"):
        map_jobs.plans(["mds"])
    with pytest.raises(NotFoundError, match="no network"):
        map_jobs.plans(models=["alexnet"])
    with pytest.raises(ProjectionInputError, match="Neighbours must be 2 to 200"):
        map_jobs.plans(["umap"], parameters={"neighbours": 1})
    with pytest.raises(SemsearchError, match="no images yet"):
        map_jobs.enqueue(dataset, [pca()])
    assert map_jobs.compute_now(dataset, pca()) == (0, 8)


def test_the_job_lets_an_import_go_first_where_it_was_begun_by_a_worker(dataset: Dataset) -> None:
    featured_images(dataset, CATEGORIES)
    job = jobs.enqueue(job_kinds.PROJECT, dataset, **pca().as_job())
    urgent = Job.objects.create(kind=jobs.IMPORT, dataset=dataset)
    waiting = jobs.perform(job.pk, gives_way=True)
    assert waiting
    assert (waiting.state, waiting.attempts) == (Job.State.QUEUED, 0)
    assert waiting.message == "Lets more urgent work go first."
    urgent.delete()
    ended = jobs.perform(job.pk, gives_way=True)
    assert ended
    assert ended.state == Job.State.SUCCEEDED


@pytest.mark.django_db(transaction=True)
def test_the_files_go_with_their_maps(dataset: Dataset) -> None:
    featured_images(dataset, CATEGORIES)
    project(dataset, pca())
    first = [str(row.file.name) for row in maps(dataset)]
    project(dataset, pca(afresh=True))
    second = [str(row.file.name) for row in maps(dataset)]
    assert [default_storage.exists(name) for name in first] == [False] * 8
    assert [default_storage.exists(name) for name in second] == [True] * 8
    row = maps(dataset)[0]
    stale = Projection.objects.get(pk=row.pk)
    stale.file.name = first[0]
    assert map_files.read(stale).ids.tolist() == map_files.read(row).ids.tolist(), (
        "replaced while it was read"
    )
    default_storage.delete(second[0])
    with pytest.raises(NotFoundError, match="compute it again"):
        map_files.read(row)
    assert project(dataset, pca(afresh=True)).result["projections"] == 8
    dataset_removal.remove_dataset(dataset)
    assert stored(str(Path(second[0]).parent)) == []


@pytest.mark.django_db(transaction=True)
def test_a_map_that_another_process_made_meanwhile_is_replaced_and_leaves_no_file(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    featured_images(dataset, CATEGORIES)
    original = map_files.store
    overtaken: list[int] = []

    def store(projection: Projection, planar_map: map_files.StoredMap) -> None:
        if not overtaken:
            overtaken.append(projection.spec_id)
            twin = copy.copy(projection)
            twin._state = copy.copy(projection._state)
            original(twin, planar_map)
        original(projection, planar_map)

    monkeypatch.setattr(map_files, "store", store)
    job = project(dataset, pca())
    assert (job.state, job.error) == (Job.State.SUCCEEDED, "")
    rows = maps(dataset)
    assert len(rows) == 8
    (row,) = (row for row in rows if row.spec_id == overtaken[0])
    assert default_storage.listdir(str(Path(str(row.file.name)).parent))[1] == [Path(str(row.file.name)).name]
    gone = Dataset.objects.get(pk=dataset.pk)
    planar_map = map_files.read(row)
    dataset_removal.remove_dataset(dataset)
    row.pk, row.dataset = None, gone
    with pytest.raises(DatasetClosedError):
        original(row, planar_map)
    assert stored(str(Path(str(rows[0].file.name)).parent)) == []


def test_a_job_that_waits_for_another_map_lets_urgent_work_go_first(dataset: Dataset) -> None:
    run = jobs.claim(jobs.enqueue(job_kinds.PROJECT, dataset, **pca().as_job()).pk)
    assert run
    run.gives_way = True
    Job.objects.create(kind=jobs.IMPORT, dataset=dataset)
    layers = map_layers.LayerMaps(run, dataset, pca(), 0)
    urgent = pytest.raises(jobs.JobInterruptedError, match="urgent")
    with map_layers._computing, urgent, layers._one_at_a_time():
        pytest.fail("another map is being laid out")


@pytest.mark.django_db(transaction=True)
def test_two_umap_jobs_at_once_end_well_and_the_same_seed_gives_the_same_maps(dataset: Dataset) -> None:
    twin = Dataset.objects.create(slug="twin", name="Twin")
    (plan,) = map_jobs.plans(["umap"], [MODEL], parameters={"neighbours": 5})
    queued = []
    for each in (dataset, twin):
        featured_images(each, CATEGORIES)
        queued.append(jobs.enqueue(job_kinds.PROJECT, each, **plan.as_job()).pk)

    def perform(job_id: int) -> Job | None:
        try:
            return jobs.perform(job_id)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(perform, queued))
    assert [job and (job.state, job.error) for job in ended] == [(Job.State.SUCCEEDED, "")] * 2
    rows, twins = maps(dataset, "umap"), maps(twin, "umap")
    for row, other in zip(rows, twins, strict=True):
        assert np.array_equal(points(row), points(other))
    steps = [displacement(points(a), points(b)) for a, b in pairwise(rows)]
    assert np.mean(steps) < 0.9, "layers that are laid out apart are about 1.3 from each other"


def test_the_command_makes_maps_of_real_images_and_a_second_run_makes_none(
    dataset: Dataset, sample_folder: Callable[..., Path]
) -> None:
    assert SAMPLES.is_dir()
    import_folder(dataset, sample_folder())
    words = ("--dataset", "mine", "--method", "pca", "--models", MODEL)
    first = run(*words)
    assert (first["projections"], first["skipped"], first["unavailable"]) == (8, 0, [])
    assert {row.count for row in maps(dataset)} == {12}
    second = run(*words)
    assert (second["projections"], second["skipped"]) == (0, 8)
    third = run(*words, "--metric", "euclidean", "--seed", "7")
    assert third["projections"] == 8
    assert Projection.objects.count() == 16
    assert dataset.atlas_pages.count() == 1


def run(*words: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("project_embeddings", *words, "--json", stdout=out, stderr=io.StringIO())
    found: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return found
