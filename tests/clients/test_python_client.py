"""A client that openapi-python-client makes of the schema does all that there is to do, on a live site."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from gallery import jobs
from gallery.models import Image, Job
from tests.clients.conftest import Given

pytestmark = pytest.mark.django_db(transaction=True)

PACKAGE = "generated_semsearch"
LISTS = ("datasets", "images", "jobs", "indexes", "experiments", "projections", "models")


@pytest.fixture
def package(given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make the client, without a single warning, and return the name of its package."""
    config = tmp_path / "client.yaml"
    config.write_text("post_hooks: []\n")
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "openapi-python-client"), "generate", "--fail-on-warning",
            "--path", str(given.schema), "--meta", "none",
            "--output-path", str(tmp_path / PACKAGE), "--config", str(config),
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    yield PACKAGE
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


class Generated:
    """The generated package: its operations by name, and its models."""

    def __init__(self, package: str, given: Given) -> None:
        self._package = package
        self.models = importlib.import_module(f"{package}.models")
        self.types = importlib.import_module(f"{package}.types")
        client = importlib.import_module(package)
        self._client = client.AuthenticatedClient(
            base_url=given.address, token=given.token, raise_on_unexpected_status=True, timeout=30
        )

    def call(self, operation: str, /, *arguments: Any, status: int = 200, **values: Any) -> Any:
        """Call an operation, as `datasets.datasets_list`; returns what it answers, already typed."""
        module = importlib.import_module(f"{self._package}.api.{operation}")
        answer = module.sync_detailed(*arguments, client=self._client, **values)
        assert answer.status_code == status, answer.content
        return answer.parsed

    def file(self, path: Path) -> Any:
        """Return a file to send."""
        return self.types.File(payload=io.BytesIO(path.read_bytes()), file_name=path.name)


def test_a_generated_python_client_does_all_there_is_to_do(package: str, given: Given) -> None:
    api = Generated(package, given)
    models = api.models
    made = api.call(
        "datasets.datasets_create", body=models.DatasetRequest(slug="new", name="New"), status=201
    )
    assert (made.slug, made.images) == ("new", 0)
    _adds(api, given)
    _searches(api, given)
    _reads(api, given)
    _changes_and_deletes(api, given)


def _adds(api: Generated, given: Given) -> None:
    job = api.call(
        "datasets.datasets_upload_create",
        "new",
        body=api.models.ArchiveRequest(file=api.file(given.archive)),
        status=202,
    )
    jobs.perform(job.id)
    ended = api.call("jobs.jobs_retrieve", job.id)
    assert (ended.state, ended.result.images, ended.result.failed) == ("succeeded", 2, 0)
    request = api.models.NewImageRequest(
        file=api.file(given.image_file), dataset="new", label="dogs", external_id="a-1", metadata='{"x": 1}'
    )
    added = api.call("images.images_create", body=request, status=201)
    assert (added.image.external_id, added.image.metadata.to_dict()) == ("a-1", {"x": 1})
    request.file = api.file(given.image_file)
    twice = api.call("images.images_create", body=request, status=409)
    assert (twice.error.code, twice.error.image) == ("duplicate", added.image.id)


def _searches(api: Generated, given: Given) -> None:
    models = api.models
    by_file = models.SearchByFileRequest(file=api.file(given.image_file), dataset="mine", k=3)
    assert len(api.call("search.search", body=by_file).hits) == 3
    hit = api.call("search.search", body=models.SearchRequest(image=given.image, k=3)).hits[0]
    assert (hit.rank, hit.external_id) == (1, None)
    address = given.address + Image.objects.get(pk=given.image).file.url
    by_url = api.call("search.search", body=models.SearchRequest(url=address, k=1)).hits[0]
    assert by_url.image == given.image
    features = api.call("images.images_embedding", given.image)
    by_vector = models.SearchRequest(vector=features.vector, dataset="mine", k=1)
    assert api.call("search.search", body=by_vector).hits[0].image == given.image
    batch = models.BatchRequest(queries=[models.SearchRequest(image=given.image, dataset="mine"), by_vector])
    assert [len(one.hits) for one in api.call("search.search_batch", body=batch).answers] == [15, 1]
    wrong = api.call("search.search", body=models.SearchRequest(image=10**9), status=404)
    assert wrong.error.code == "not_found"


def _reads(api: Generated, given: Given) -> None:
    for name in LISTS:
        answer = api.call(f"{name}.{name}_list")
        assert isinstance(answer, list) or isinstance(answer.results, list), name
    first = api.call("images.images_list", dataset="mine", page_size=10)
    (cursor,) = parse_qs(urlsplit(first.next_).query)["cursor"]
    second = api.call("images.images_list", dataset="mine", page_size=10, cursor=cursor)
    assert (len(first.results), len(second.results)) == (10, 6)
    assert not {row.id for row in first.results} & {row.id for row in second.results}
    vectors = np.load(api.call("datasets.datasets_embeddings", "mine").payload)
    ids = np.load(api.call("datasets.datasets_embeddings_ids", "mine").payload)
    assert vectors.shape == (16, 512)
    assert given.image in ids
    failed = api.call("jobs.jobs_failed_files_list", Job.objects.order_by("pk")[0].pk)
    assert failed.results == []


def _changes_and_deletes(api: Generated, given: Given) -> None:
    models = api.models
    (row,) = api.call("images.images_list", external_id="a-1").results
    changed = api.call(
        "images.images_partial_update",
        row.id,
        body=models.PatchedImageChangeRequest(label="birds", external_id="a-2"),
    )
    assert (changed.label, changed.external_id, changed.metadata.to_dict()) == ("birds", "a-2", {"x": 1})
    many = api.call(
        "images.images_label_many",
        dataset="new",
        label="cats",
        body=models.PatchedLabelRequest(label="lions"),
    )
    assert (many.images, many.left) == (1, 0)
    assert api.call("images.images_delete_many", dataset="new", label="lions").images == 1
    api.call("images.images_destroy", row.id, status=204)
    api.call("datasets.datasets_destroy", "new", status=204)
    assert [one.slug for one in api.call("datasets.datasets_list").results] == ["mine"]
