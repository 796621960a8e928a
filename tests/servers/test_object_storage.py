"""Pictures in an S3 bucket, which is moto's over HTTP: stored, shown, verified, removed as on a disk."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from moto.server import ThreadedMotoServer

from gallery import jobs
from gallery.ingest.removals import removal
from gallery.ingest.single_image import add_image
from gallery.models import Dataset, DerivedFile, FailedFile, Job
from gallery.system.home import derived_files
from search import job_kinds
from search.maintenance import verification
from semsearch_site import env as environment
from tests.conftest import image_bytes

BUCKET = "pictures"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Return the address of an S3 server with an empty bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=address, **keys).create_bucket(Bucket=BUCKET)
    yield address
    server.stop()


@pytest.fixture
def bucket(endpoint: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Keep pictures in the bucket, by the same environment as in earnest; returns the server's address."""
    for name, value in {
        "STORAGE_ENDPOINT": endpoint,
        "STORAGE_REGION": "us-east-1",
        "STORAGE_ACCESS_KEY": "key",
        "STORAGE_SECRET_KEY": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    described = environment.image_storage(environment.reader(), BUCKET)
    settings.STORAGES = settings.STORAGES | {"default": described}
    return endpoint


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bucket")
def test_an_image_lives_in_the_bucket_and_is_shown_through_the_site(dataset: Dataset, client: Client) -> None:
    data = image_bytes(1)
    image = add_image(dataset, "one.png", data).image
    assert default_storage.listdir(f"images/{dataset.pk}")[0] == [image.sha256[:2]]
    assert image.file.url.startswith("/media/images/")
    answer = client.get(image.file.url)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert b"".join(answer) == data
    assert "immutable" in answer["Cache-Control"]
    assert client.get(image.file.url.replace(image.sha256, "0" * 64)).status_code == 404
    derived_files.write("feature-maps/1/net-stem", b"bundle", image, ".zip")
    assert derived_files.read("feature-maps/1/net-stem") == b"bundle"
    kept = DerivedFile.objects.get().file
    assert default_storage.exists(kept)
    removal.remove_images([image.pk])
    assert not default_storage.exists(str(image.file.name))
    assert not default_storage.exists(kept)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bucket")
def test_verify_finds_what_the_bucket_lost_and_what_it_holds_too_much(dataset: Dataset) -> None:
    kept, lost = (add_image(dataset, f"{n}.png", image_bytes(n)).image for n in (1, 2))
    default_storage.delete(str(lost.file.name))
    stray = default_storage.save(f"images/{dataset.pk}/zz/stray.png", kept.file)
    found = verification.verify()
    assert f"The stored file of image {lost.pk} is gone." in found.problems
    assert f"The stored file {stray} belongs to no image." in found.problems
    list(verification.repair())
    assert not default_storage.exists(stray)
    assert default_storage.exists(f"lost+found/{stray}")
    assert list(dataset.images.values_list("pk", flat=True)) == [kept.pk]
    default_storage.save(str(lost.file.name), ContentFile(image_bytes(2)))
    assert verification.verify().ok
    assert list(dataset.images.values_list("pk", flat=True)) == [kept.pk, lost.pk]


@pytest.mark.django_db(transaction=True)
def test_a_signed_address_is_good_for_anybody_and_the_policy_allows_its_origin(
    dataset: Dataset, bucket: str, settings: Any
) -> None:
    settings.STORAGE_SIGNED = True
    data = image_bytes(3)
    address = add_image(dataset, "three.png", data).image.file.url
    assert address.startswith(f"{environment.storage_origin(environment.reader())}/{BUCKET}/images/")
    assert address.startswith(bucket)
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.read() == data


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bucket")
def test_while_the_bucket_does_not_answer_jobs_rest_and_no_image_is_called_unreadable(
    dataset: Dataset, client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EXTRACT_AT_IMPORT = False  # for the extraction to have something to read
    image = add_image(dataset, "four.png", image_bytes(4)).image
    address = image.file.url
    stored = settings.STORAGES["default"]
    away = stored["OPTIONS"] | {"endpoint_url": "http://127.0.0.1:1"}
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    settings.STORAGES = settings.STORAGES | {"default": stored | {"OPTIONS": away}}
    extraction = Job.objects.create(kind=job_kinds.EXTRACT, dataset=dataset)
    rests = jobs.perform(extraction.pk, tries_again=True)
    assert rests is not None
    assert (rests.state, FailedFile.objects.count()) == (Job.State.QUEUED, 0)
    assert rests.not_before is not None
    assert client.get(address).status_code == 503
    settings.STORAGES = settings.STORAGES | {"default": stored}
    Job.objects.filter(pk=extraction.pk).update(not_before=None)
    ended = jobs.perform(extraction.pk, tries_again=True)
    assert ended is not None
    assert (ended.state, ended.result["embeddings"]) == (Job.State.SUCCEEDED, 1)
