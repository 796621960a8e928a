"""Long work survives the death of its worker, of the whole site, and of an index build.

The site that outlived the first two also shows that a new image is found at once.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import image_bytes
from tests.support.memory import held_mb
from tests.support.prepared import DATASET, Prepared, copy_of
from tests.support.site import ROOT, RunningSite, count, environment, manage, report, rows, until

pytestmark = pytest.mark.process

IMAGES = "gallery_image"
EMBEDDINGS = "search_embedding"
# slow enough to be met half-way
SMALL_BATCHES = {"EXTRACT_BATCH": "2"}
SEARCH = "/api/v1/search/"
AT_WORK = "SELECT count(*) FROM gallery_job WHERE state IN ('queued', 'running')"


def job_row(home: Path, job: int) -> tuple[Any, ...]:
    return rows(home, "SELECT state, attempts FROM gallery_job WHERE id = ?", job)[0]


def wait_for_embeddings(home: Path, wanted: int) -> None:
    until(
        lambda: count(home, EMBEDDINGS) >= wanted,
        within_s=300,
        what=f"{wanted} embeddings",
        every_s=0.005,
    )


@dataclass(frozen=True)
class Outlived:
    """A site in which an extraction outlived its worker and then the site itself.

    `images`, of which there were `at_kill` embeddings when the worker was killed, and `at_stop` when the site
    had stopped with `status`; how the row of the job was then, and how the job `ended` after the next start.
    """

    site: RunningSite
    job: int
    images: int
    at_kill: int
    at_stop: int
    status: int
    row_at_stop: tuple[Any, ...]
    ended: dict[str, Any]


@pytest.fixture(scope="module")
def outlived(template: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outlived]:
    """Add one image, which queues the features of all; kill the worker, stop the site, and start it."""
    copied = copy_of(template, tmp_path_factory.mktemp("outlived") / "home")
    home = copied.home
    with RunningSite(home, token=copied.token, **SMALL_BATCHES) as site:
        status, answer = site.post("/api/v1/images/", ("new.png", image_bytes(1)), dataset=DATASET)
        assert status == 201, answer
        job = int(answer["job"]["id"])
        wait_for_embeddings(home, 20)
        site.part("worker").kill()
        images, at_kill = count(home, IMAGES), count(home, EMBEDDINGS)
        wait_for_embeddings(home, at_kill + 10)
        status = site.interrupt()
        at_stop, row_at_stop = count(home, EMBEDDINGS), job_row(home, job)
        site.start(WORKER_IDLE_S="1")
        ended = site.job_ended(job)
        until(lambda: rows(home, AT_WORK) == [(0,)], within_s=60, what="nothing is left to do")
        yield Outlived(site, job, images, at_kill, at_stop, status, row_at_stop, ended)


def everything_agrees(home: Path, images: int) -> None:
    found = report(home, "verify")
    assert found["ok"], found
    assert found["images"] == found["embeddings"] == found["indexed"] == images
    assert count(home, EMBEDDINGS) == images
    assert (
        rows(home, f"SELECT image_id FROM {EMBEDDINGS} GROUP BY image_id, spec_id HAVING count(*) > 1") == []
    )


def test_a_worker_killed_in_the_middle_of_extraction_loses_nothing(outlived: Outlived) -> None:
    assert 20 <= outlived.at_kill < outlived.images, "the worker was not killed half-way"
    assert outlived.ended["state"] == "succeeded", outlived.ended
    assert outlived.ended["result"]["embeddings"] == outlived.images, "what it did before counts"
    assert job_row(outlived.site.home, outlived.job) == ("succeeded", 2)
    everything_agrees(outlived.site.home, count(outlived.site.home, IMAGES))


def test_a_new_image_is_found_at_once_and_a_deleted_one_never_again(outlived: Outlived) -> None:
    site, home = outlived.site, outlived.site.home
    report(home, "rebuild_index")
    generations = [index["generation"] for index in site.get("/api/v1/indexes/")[1]["results"]]
    assert all(generations), generations
    # a snapshot without the image is in the server's memory now
    assert site.post(SEARCH, ("q.png", image_bytes(5)), dataset=DATASET)[0] == 200

    status, added = site.post("/api/v1/images/", ("new.png", image_bytes(5)), dataset=DATASET, label="noise")
    assert status == 201, added
    assert site.job_ended(added["job"]["id"])["state"] == "succeeded"
    ended = time.monotonic()
    found = site.post(SEARCH, ("q.png", image_bytes(5)), dataset=DATASET, k=3)[1]
    assert time.monotonic() - ended < 2.0
    image = added["image"]["id"]
    assert found["hits"][0]["image"] == image
    assert [index["generation"] for index in site.get("/api/v1/indexes/")[1]["results"]] == generations
    stored = {path.name for path in (home / "media").rglob(f"{added['image']['sha256']}*")}
    assert len(stored) == 2, stored
    address = added["image"]["url"].removeprefix(f"http://127.0.0.1:{site.port}")
    assert site.get(address)[0] == 200

    assert site.delete(f"/api/v1/images/{image}/") == 204
    for fields in ({"dataset": DATASET}, {}, {"dataset": DATASET, "k": 100}):
        after = site.post(SEARCH, ("q.png", image_bytes(5)), **{"k": 20, **fields})[1]
        assert image not in [hit["image"] for hit in after["hits"]]
        assert len(after["hits"]) == after["k"]
    assert site.get(f"/api/v1/images/{image}/")[0] == 404
    assert site.delete(f"/api/v1/bin/images/{image}/") == 204
    assert site.get(address)[0] == 404
    assert not list((home / "media").rglob(f"{added['image']['sha256']}*"))


def test_ctrl_c_puts_a_running_job_back_and_the_next_start_finishes_it(outlived: Outlived) -> None:
    site = outlived.site
    assert outlived.status == 0
    assert "killing it" not in site.log()
    assert 20 <= outlived.at_stop < outlived.images, "the site was not interrupted half-way"
    # the worker that was killed has tried, the one that was stopped is not counted
    assert outlived.row_at_stop == ("queued", 1)
    assert outlived.ended["state"] == "succeeded"
    gives_memory_back(site)
    everything_agrees(site.home, count(site.home, IMAGES))


def gives_memory_back(site: RunningSite) -> None:
    """Wait until an idle worker has started anew, small, and see that it works."""
    worker = site.part("worker")
    until(lambda: worker.memory_full_info().pss < 150e6, within_s=60, what="the worker is small", every_s=0.5)
    # 900 MB are promised
    assert held_mb(site.supervisor.pid) < 700
    assert site.part("worker").pid == worker.pid, "whoever supervises it would have to start another"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("one.png", image_bytes(2))
    path = f"/api/v1/datasets/{DATASET}/upload/"
    status, job = site.post(path, ("one.zip", archive.getvalue()))
    assert status == 202, job
    assert site.job_ended(job["id"])["state"] == "succeeded"


MANY = """
import numpy as np
from gallery.models import Dataset, Image
from search.models import Embedding
from search.features import feature_specs
dataset = Dataset.objects.create(slug="many", name="Many")
index = feature_specs.live_index(dataset)
images = Image.objects.bulk_create([
    Image(dataset=dataset, sha256=f"{n:064x}", filename=f"{n}.png", file=f"{n}.png", thumbnail=f"{n}.webp",
          width=8, height=8, size_bytes=1, format="PNG")
    for n in range(12_000)
], batch_size=2_000)
rng = np.random.default_rng(7)
vectors = rng.standard_normal((len(images), index.spec.dims)).astype("<f2")
Embedding.objects.bulk_create([
    Embedding(image=image, spec=index.spec, dataset=dataset, vector=vector.tobytes())
    for image, vector in zip(images, vectors, strict=True)
], batch_size=2_000)
from django.core.management import call_command
call_command("rebuild_index", dataset="many", json=True)
"""
# in one process, and by an image that is there: no network has to be loaded
SEARCH_AND_REBUILD = """
import json
from django.core.management import call_command
from gallery.models import Image
from search.live.query import SearchRequest, search
image = Image.objects.filter(dataset__slug="many").order_by("pk")[0]
print(json.dumps([hit.rank for hit in search(SearchRequest(image_id=image.pk, dataset="many", k=5)).hits]))
call_command("rebuild_index", dataset="many", json=True)
"""


@pytest.mark.parametrize("at", [".building-*", ".building-*/vectors.f16", ".building-*/index.faiss"])
def test_a_rebuild_killed_at_any_point_leaves_the_old_generation_serving(
    many_vectors: Prepared, at: str
) -> None:
    home = many_vectors.home
    (folder,) = (path.parent for path in (home / "indexes").glob("*/CURRENT"))
    before = (folder / "CURRENT").read_text()
    builder = subprocess.Popen(
        [sys.executable, "manage.py", "rebuild_index", "--dataset", "many"],
        cwd=ROOT,
        env=environment(home),
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: any(folder.glob(at)), within_s=300, what=at, every_s=0.0005)
    finally:
        builder.kill()
    assert builder.wait() == -9, "the build ended before it was killed"

    assert any(folder.glob(".building-*")), "the build had been published before it was killed"
    assert (folder / "CURRENT").read_text() == before
    said = manage(home, "shell", "--verbosity", "0", "-c", SEARCH_AND_REBUILD)
    ranks, rebuilt = (json.loads(line) for line in said.splitlines() if line.startswith(("[", "{")))
    assert ranks == [1, 2, 3, 4, 5]
    assert rebuilt["count"] == 12_000
    assert (folder / "CURRENT").read_text().strip() == rebuilt["generation"] != before.strip()
    assert not any(folder.glob(".building-*"))
    states = rows(home, "SELECT state FROM search_indexbuild ORDER BY id DESC LIMIT 2")
    assert states == [("published",), ("failed",)]


@pytest.fixture(scope="module")
def many_vectors(template: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Return a state folder with a published index of 12,000 vectors: slow enough to be killed."""
    copied = copy_of(template, tmp_path_factory.mktemp("many") / "home")
    manage(copied.home, "shell", "--verbosity", "0", "-c", MANY)
    return copied
