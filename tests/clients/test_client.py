"""Our own Python client does all that it can on a live site, and sends only what the schema has."""

from __future__ import annotations

import asyncio
import doctest
import importlib.util
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import semsearch_client as ss
from PIL import Image as Pillow
from semsearch_client.calls import OPERATIONS

from gallery import jobs
from gallery.models import Job
from tests.clients.conftest import Given
from tests.clients.sent import Checked
from tests.conftest import image_bytes

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "python"
BIRDS = (("owls", 11), ("owls", 12), ("wrens", 13), ("wrens", 14))

pytestmark = pytest.mark.django_db(transaction=True)


def performed(job: ss.Job) -> ss.Job:
    """Do what a worker would, with all that hangs on it."""
    for _ in range(20):  # each may leave another behind
        for waiting in Job.objects.filter(state=Job.State.QUEUED).order_by("pk"):
            jobs.perform(waiting.pk)
    return job


def test_the_client_does_all_there_is_to_do(
    given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMSEARCH_URL", given.address)
    monkeypatch.setenv("SEMSEARCH_TOKEN", given.token)
    checked = Checked(json.loads(given.schema.read_text()))
    with ss.Client(transport=checked) as client:
        _examples(tmp_path, monkeypatch)
        _searches(client, given)
        _vectors(client, given)
        _adds(client, given, tmp_path)
        _experiments_and_maps(client)
    with ThreadPoolExecutor(1) as other:  # a test of a browser may have left a loop running in this thread
        other.submit(asyncio.run, _waits_for_nothing(given)).result()
    _readme(given, tmp_path, monkeypatch)
    assert checked.operations == OPERATIONS.keys()


def _examples(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run those in the docstrings, in the folder of the file that they search with."""
    monkeypatch.chdir(folder)
    ran = 0
    for name in ("client", "dataset"):
        module = importlib.import_module(f"semsearch_client._sync.{name}")
        results = doctest.testmod(module, extraglobs={"Client": ss.Client})
        assert not results.failed
        ran += results.attempted
    assert ran >= 8


def _searches(client: ss.Client, given: Given) -> None:
    mine = client.dataset("mine")
    stored = client.image(given.image)
    content = stored.read()
    pixels = np.asarray(Pillow.open(io.BytesIO(content)).convert("RGB"))
    forms: list[Any] = [
        given.image_file, str(given.image_file), given.image_file.read_bytes(), given.image_file.open("rb"),
        Pillow.open(given.image_file), str(httpx.URL(given.address).join(stored.url)), given.image,
        np.int64(given.image), stored, pixels, stored.embedding(),
    ]  # fmt: skip
    found = [mine.search(form, k=3) for form in forms]
    assert all(len(hits) == 3 for hits in found)
    assert len({tuple(hits.ids) for hits in found[:4]}) == 1
    assert [hits.ids[0] for hits in (found[5], found[9], found[10])] == [given.image] * 3
    assert given.image not in found[6].ids
    again = mine.search_many([given.image, given.image_file, stored.embedding(), found[6][0]], k=3)
    assert [list(hits.ids) for hits in again[:2]] == [list(found[6].ids), list(found[0].ids)]
    assert len(again) == 4
    hits = client.search(given.image, dataset="mine", k=4, label=stored.label)
    assert set(hits.labels) == {stored.label}
    parts = [mine.search(form, k=3, box=(0, 0, 1, 0.6)) for form in (given.image, given.image_file)]
    assert [(len(hits), hits.boxes, hits.has_next) for hits in parts] == [(3, [None] * 3, True)] * 2
    assert given.image not in parts[0].ids
    second = mine.search(given.image, k=3, page=2, label=stored.label, box=(0, 0, 1, 0.6))
    assert (len(second), second.has_next) == (0, False)
    for form, index in ((given.image, 1), (stored.embedding(), None)):
        with pytest.raises(ss.Refused):
            mine.search(form, index=index, box=(0, 0, 1, 0.6))
    frame = hits.to_pandas()
    assert list(frame["image"]) == list(hits.ids)
    assert hits.to_arrow().num_rows == len(hits)
    if importlib.util.find_spec("polars"):
        assert hits.to_polars().height == len(hits)
    assert hits[0].open().size == (hits[0].width, hits[0].height)
    with pytest.raises(ss.NotFound) as refused:
        mine.search_many([10**9])
    assert refused.value.code == "not_found"
    with pytest.raises(ss.Refused) as wrong:
        mine.search(given.image, k=10**6)
    assert (wrong.value.status, wrong.value.code) == (400, "invalid")
    assert wrong.value.request_id
    _documents(client, stored, given)
    _saved_searches(client, stored)


def _documents(client: ss.Client, stored: ss.Image, given: Given) -> None:
    mine = client.dataset("mine")
    plain = mine.search(given.image, k=16)
    first, last = plain[0], plain[-1]
    steered = mine.search(given.image, like=[first], unlike=[last, given.image_file], k=16)
    assert not {given.image, first.image, last.image} & set(steered.ids)
    assert len(steered) == 13
    weighted = mine.search(like=[{"image": given.image, "weight": 3}, first], k=3)
    assert len(weighted) == 3
    assert np.isnan(weighted.probabilities).all()
    narrowed = mine.search(
        given.image, where=f"label:{stored.label}", cutoff={"mode": "percentile", "at": 0.5}
    )
    assert set(narrowed.labels) == {stored.label}
    assert narrowed.below_cutoff is None or 0 <= narrowed.below_cutoff <= len(narrowed)
    named = mine.search(words=stored.label, k=2)
    assert named.labels == [stored.label] * 2
    assert named.probabilities.tolist() == [1, 1]
    read = mine.search(text="two dogs on a beach")  # of which no model is live here
    assert (len(read), read.answered_by, read.has_next) == (0, [], False)
    pages = [mine.search(where={"label": {"any": [stored.label]}}, k=2, page=page) for page in (1, 2)]
    assert np.isnan(pages[0].scores).all()
    assert [hit.score for hit in pages[0]] == [None, None]
    listed = [number for page in pages for number in page.ids.tolist()]
    assert listed == sorted(listed, reverse=True)
    assert len(set(listed)) == len(listed) == 4
    with pytest.raises(ss.Refused, match="within where"):
        mine.search(given.image, label="a", where="label:b")
    with pytest.raises(ss.Refused, match="an example under"):
        mine.search(unlike=[given.image])


def _saved_searches(client: ss.Client, stored: ss.Image) -> None:
    saved = client.save_search("Its kind", {"where": {"label": {"any": [stored.label]}}})
    assert [one.name for one in client.saved_searches()] == ["Its kind"]
    assert set(saved.hits(k=2).labels) == {stored.label}
    assert stored.id in saved.image_ids(dataset="mine")
    with pytest.raises(ss.Refused, match="choose another name"):
        client.save_search("Its kind", {"like": [{"image": stored.id}]})
    saved.delete()
    assert client.saved_searches() == []


def _vectors(client: ss.Client, given: Given) -> None:
    mine = client.dataset("mine")
    assert mine.info().images == 16
    ids, vectors = mine.embeddings()
    assert (ids.shape, vectors.shape) == ((16,), (16, 512))
    assert vectors.dtype == np.float16
    found, scores = mine.search_vectors(np.tile(vectors, (4, 1)), k=20)
    assert found.shape == scores.shape == (64, 20)
    assert (found[:16, 0] == ids).all()
    assert (found[:, 16:] == -1).all()
    assert np.isneginf(scores[:, 16:]).all()
    own = np.random.default_rng(1).standard_normal((16, 8)).astype(np.float32)
    index, job = mine.add_embeddings("my-own", ids, own)
    performed(job).wait(10)
    assert mine.search(own[3], index=index, k=1).ids[0] == ids[3]


def _adds(client: ss.Client, given: Given, folder: Path) -> None:
    new = client.create_dataset("new", "New")
    told: list[ss.Progress] = []
    job = new.add(given.archive, on_progress=told.append)
    assert performed(job).wait(10).result["images"] == 2
    assert told[0].stage == "sending"
    assert told[-1].done == told[-1].total
    for name in ("owls", "wrens"):
        (folder / "birds" / name).mkdir(parents=True)
        (folder / "birds" / name / "a.png").write_bytes(image_bytes(len(name)))
    (folder / "birds" / "wrens" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    job = performed(new.add(folder / "birds"))
    with pytest.raises(ss.JobFailed) as failed:
        job.wait(10)
    assert [file.name for file in failed.value.failed_files] == ["wrens/bad.png"]
    assert sorted(image.label for image in new.images()) == ["cats", "dogs", "owls", "wrens"]
    added = new.add_image(given.image_file, label="owls", external_id="a-1", metadata={"x": 1})
    with pytest.raises(ss.Refused) as twice:
        new.add_image(given.image_file)
    assert (twice.value.code, twice.value.image) == ("duplicate", added.id)
    changed = added.update(label="birds", external_id="")
    assert (changed.label, changed.external_id, changed.metadata) == ("birds", None, {"x": 1})
    assert [image.id for image in new.images(metadata={"x": 1})] == [added.id]
    changed.delete()
    assert job.cancel().id in [one.id for one in client.jobs(dataset="new")]
    _jobs(client, new.run_experiments(models=["colour-histogram"])[0])
    assert job.wait(10, partly=True).state == "succeeded"
    new.delete()
    assert [one.slug for one in client.datasets()] == ["mine"]


def _jobs(client: ss.Client, job: ss.Job) -> None:
    """Give up, cancel and try again a job that nobody does."""
    waiting = client.job(job.id)
    assert job.id in [one.id for one in client.jobs(dataset="new", state="queued")]
    for wait in (waiting.wait, client.dataset("new").wait):
        with pytest.raises(ss.JobTimeout):
            wait(0)
    waiting.cancel()
    with pytest.raises(ss.JobFailed):
        waiting.wait(10)
    performed(waiting.retry()).wait(10)
    client.dataset("new").wait(10)


def _experiments_and_maps(client: ss.Client) -> None:
    mine = client.dataset("mine")
    (model,) = [one for one in client.models() if one.name == "colour-histogram"]
    assert model.available
    for job in mine.run_experiments(models=[model.name], metrics=["cosine", "euclidean"]):
        performed(job).wait(10)
    found = mine.experiments(model=model.name)
    assert len(found) == len(found.to_pandas()) >= 2
    scores = [one.weighted_precision or 0 for one in found]
    assert scores == sorted(scores, reverse=True)
    best = mine.experiments(model=model.name, metric="cosine")[0]
    assert mine.tuning()["learned"] is None
    performed(mine.tune()).wait(10)
    assert mine.tuning()["learned"]["offered"] is False, "too few labels"
    performed(best.promote()).wait(10)
    with pytest.raises(ss.Refused, match="live configuration already"):
        mine.promote(best)
    for job in mine.project("pca", models=[model.name]):
        performed(job).wait(10)
    (row,) = mine.projections(model=model.name)
    ids, points = row.points()
    assert (ids.shape, points.shape) == ((16,), (16, 2))
    assert np.isfinite(points).all()


async def _waits_for_nothing(given: Given) -> None:
    async with ss.AsyncClient() as client:
        mine = client.dataset("mine")
        one, many, (ids, _) = await asyncio.gather(
            mine.search(given.image, k=2), mine.search_many([given.image], k=2), mine.embeddings()
        )
        assert list(one.ids) == list(many[0].ids)
        assert [image.id async for image in mine.images()] == list(ids)
        assert (await one[0].open()).size == (one[0].width, one[0].height)


def _readme(given: Given, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run what the README shows, with a worker at hand and a network that needs no conversion."""
    monkeypatch.setenv("HOME", str(folder))
    wait = ss.Job.wait
    monkeypatch.setattr(ss.Job, "wait", lambda job, *words, **more: wait(performed(job), *words, **more))
    files = {"wren.jpg": 1} | {f"Pictures/birds/{one}/{one}{seed}.jpg": seed for one, seed in BIRDS}
    for name, seed in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(image_bytes(seed, kind="JPEG"))
    readme = (CLIENT / "README.md").read_text()
    (code,) = re.findall("```python\n(.*?)```", readme, re.DOTALL)
    for told, tried in {
        '"http://127.0.0.1:8000", token="…"': f'"{given.address}", token="{given.token}"',
        '"efficientnet-lite0"': '"colour-histogram"',
    }.items():
        assert told in code
        code = code.replace(told, tried)
    exec(code, {})
