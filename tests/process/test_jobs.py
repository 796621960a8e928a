"""Long work survives the death of its worker, of the whole site, and of an index build."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import image_bytes, sample_files
from tests.support.memory import held_mb
from tests.support.prepared import DATASET, Prepared, copy_of
from tests.support.site import ROOT, RunningSite, count, environment, manage, report, rows, until

pytestmark = pytest.mark.process

IMAGES = "gallery_image"
EMBEDDINGS = "search_embedding"
# slow enough to be met half-way: small batches, one decoding ahead of the other
SMALL_BATCHES = {"EXTRACT_BATCH": "4"}


def begin_extraction(site: RunningSite) -> int:
    """Add one picture, which queues the features of all; return the job."""
    status, answer = site.post("/api/v1/images/", ("new.png", image_bytes(1)), dataset=DATASET)
    assert status == 201, answer
    return int(answer["job"]["id"])


def wait_for_embeddings(home: Path, wanted: int) -> None:
    until(
        lambda: count(home, EMBEDDINGS) >= wanted,
        within_s=300,
        what=f"{wanted} embeddings",
        every_s=0.005,
    )


def job_row(home: Path, job: int) -> tuple[Any, ...]:
    return rows(home, "SELECT state, attempts FROM gallery_job WHERE id = ?", job)[0]


def everything_agrees(home: Path, images: int) -> None:
    found = report(home, "verify")
    assert found["ok"], found
    assert found["images"] == found["embeddings"] == found["indexed"] == images
    assert count(home, EMBEDDINGS) == images
    assert (
        rows(home, f"SELECT image_id FROM {EMBEDDINGS} GROUP BY image_id, spec_id HAVING count(*) > 1") == []
    )


def test_a_worker_killed_in_the_middle_of_extraction_loses_nothing(prepared: Prepared) -> None:
    home = prepared.home
    with RunningSite(home, token=prepared.token, **SMALL_BATCHES) as site:
        job = begin_extraction(site)
        wait_for_embeddings(home, 50)
        site.part("worker").kill()
        images, kept = count(home, IMAGES), count(home, EMBEDDINGS)
        assert 50 <= kept < images, "the worker was not killed half-way"
        ended = site.job_ended(job)
    assert ended["state"] == "succeeded", ended
    assert ended["result"]["embeddings"] == images, "what it did before it was killed counts"
    assert job_row(home, job) == ("succeeded", 2)
    everything_agrees(home, images)


def test_ctrl_c_puts_a_running_job_back_and_the_next_start_finishes_it(prepared: Prepared) -> None:
    home = prepared.home
    with RunningSite(home, token=prepared.token, **SMALL_BATCHES) as site:
        job = begin_extraction(site)
        wait_for_embeddings(home, 20)
        assert site.interrupt() == 0
        assert "killing it" not in site.log()
    images = count(home, IMAGES)
    assert 20 <= count(home, EMBEDDINGS) < images, "the site was not interrupted half-way"
    assert job_row(home, job) == ("queued", 0)
    with RunningSite(home, token=prepared.token, WORKER_IDLE_S="1") as site:
        assert site.job_ended(job)["state"] == "succeeded"
        gives_memory_back(site)
    everything_agrees(home, images + 1)


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
    query = sample_files("objects200", count=1)[0]
    hits = report(home, "search_images", str(query), "--dataset", "many", "--k", "5")["hits"]
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4, 5]

    rebuilt = report(home, "rebuild_index", "--dataset", "many")
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
    report(copied.home, "rebuild_index", "--dataset", "many")
    return copied
