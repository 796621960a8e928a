"""The bin: what is deleted is hidden from everybody, comes back whole, and goes for good when it is time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from gallery import jobs, signals
from gallery.counts import counting
from gallery.errors import NotFoundError, StorageAwayError
from gallery.imaging import sprite_sheets
from gallery.ingest import datasets, single_image
from gallery.ingest.removals import bin, dataset_removal, hiding, removal
from gallery.models import AuditEntry, Category, Dataset, Image, Job
from gallery.system.concurrency.conflicts import OvertakenError
from gallery.system.home import derived_files, storage_mark
from search import job_kinds
from search.maintenance import schedule
from search.stored_folders import FEATURE_MAPS
from tests.conftest import image_bytes
from tests.support.access import make_accounts

pytestmark = pytest.mark.django_db


@pytest.fixture
def image(dataset: Dataset) -> Image:
    """Return a stored image with a label."""
    return single_image.add_image(dataset, "one.png", image_bytes(1), "cats").image


def counts() -> dict[str, int]:
    """Return the counts that are kept, which must be right."""
    assert counting.stored_counts() == counting.computed_counts()
    return dict(Category.shown.values_list("name", "images"))


def test_an_image_in_the_bin_is_nowhere_and_comes_back_whole(
    dataset: Dataset, image: Image, staff_client: Client, client: Client
) -> None:
    other = single_image.add_image(dataset, "two.png", image_bytes(2), "cats").image
    page, file = f"/datasets/mine/images/{image.pk}/", image.file.url
    assert staff_client.delete(f"/api/v1/images/{image.pk}/").status_code == 204
    assert counts() == {"cats": 1}
    for address in (page, f"/api/v1/images/{image.pk}/", file, image.thumbnail.url):
        assert client.get(address).status_code == 404, address
    listed = client.get("/api/v1/images/").json()["results"]
    grid = client.get("/api/v1/images/grid/", {"dataset": "mine"}).json()["pictures"]
    named = client.get("/api/v1/images/", {"ids": image.pk}).json()["results"]
    assert [row["id"] for row in (*listed, *grid, *named)] == [other.pk, other.pk]
    assert client.post("/api/v1/search/", {"image": image.pk}).status_code == 404
    assert client.get("/api/v1/bin/images/").status_code == 401

    (row,) = staff_client.get("/api/v1/bin/images/").json()["results"]
    assert (row["id"], row["label"], row["dataset"]) == (image.pk, "cats", "mine")
    assert row["expires_at"] > row["deleted_at"]
    assert staff_client.get(file).status_code == 200, "who looks through the bin sees what is in it"
    back = staff_client.post(f"/api/v1/bin/images/{image.pk}/restore/")
    assert (back.status_code, back.json()["id"], back.json()["label"]) == (200, image.pk, "cats")
    assert counts() == {"cats": 2}
    assert client.get(page).status_code == 200
    grid = client.get("/api/v1/images/grid/", {"dataset": "mine", "order": "category"}).json()["pictures"]
    assert [row["id"] for row in grid] == [image.pk, other.pk]
    assert staff_client.post(f"/api/v1/bin/images/{image.pk}/restore/").status_code == 404
    told = AuditEntry.objects.filter(target_kind="image").exclude(target_id=str(other.pk))
    assert list(told.values_list("action", flat=True)) == ["image.restore", "image.delete", "image.add"]


def test_a_restored_image_stands_in_its_place_where_others_have_gone_meanwhile(
    dataset: Dataset, client: Client
) -> None:
    ids = [single_image.add_image(dataset, f"{n}.png", image_bytes(n)).image.pk for n in range(4)]

    def shown() -> set[int]:
        rows = client.get("/api/v1/images/grid/", {"dataset": "mine"}).json()["pictures"]
        return {row["id"] for row in rows}

    bin.delete_images(ids[1:2])
    assert shown() == {ids[0], *ids[2:]}
    bin.delete_images(ids[2:3])
    bin.restore_images(ids[1:2])
    assert shown() == {ids[0], ids[1], ids[3]}, "as many as before, and others"


def test_a_dataset_in_the_bin_is_nowhere_and_comes_back_whole(
    dataset: Dataset, image: Image, staff_client: Client, client: Client
) -> None:
    single_image.add_image(Dataset.objects.create(slug="other", name="Other"), "o.png", image_bytes(5))
    revision = dataset.current_revision()
    assert staff_client.delete("/api/v1/datasets/mine/").status_code == 204
    assert counts() == {"": 1}
    for address in (
        "/datasets/mine/",
        f"/datasets/mine/images/{image.pk}/",
        "/api/v1/datasets/mine/",
        f"/api/v1/images/{image.pk}/",
        image.file.url,
    ):
        assert client.get(address).status_code == 404, address
    assert "Mine" not in client.get("/datasets/").content.decode()
    assert [row["dataset"] for row in client.get("/api/v1/images/").json()["results"]] == ["other"]
    assert "semsearch_images 1.0\n" in client.get("/metrics").content.decode()

    (row,) = staff_client.get("/api/v1/bin/datasets/").json()["results"]
    assert (row["id"], row["slug"], row["images"]) == (dataset.pk, "mine", 1)
    back = staff_client.post(f"/api/v1/bin/datasets/{dataset.pk}/restore/").json()
    assert (back["slug"], back["images"]) == ("mine", 1)
    assert dataset.current_revision() == revision, "what was computed of it is not out of date"
    assert client.get(f"/datasets/mine/images/{image.pk}/").status_code == 200
    assert counts() == {"": 1, "cats": 1}


def test_the_name_of_a_dataset_in_the_bin_is_free(dataset: Dataset, image: Image) -> None:
    bin.delete_dataset(dataset)
    again = datasets.save(Dataset(slug="mine", name="Mine anew"))
    back = bin.restore_dataset(dataset.pk)
    assert (back.slug, again.slug) == ("mine-2", "mine")
    with pytest.raises(NotFoundError):
        bin.restore_dataset(dataset.pk)


def test_jobs_of_a_dataset_end_when_it_is_deleted_and_are_not_shown(
    dataset: Dataset, image: Image, client: Client
) -> None:
    job = jobs.enqueue(job_kinds.INDEX, dataset)
    bin.delete_dataset(dataset)
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    assert client.get(job.get_absolute_url()).status_code == 404
    assert client.get("/api/v1/jobs/").json()["results"] == []
    with pytest.raises(NotFoundError):
        bin.delete_dataset(dataset)


def test_what_is_restored_in_the_moment_of_its_removal_stays(dataset: Dataset, image: Image) -> None:
    bin.delete_images([image.pk])
    due = [image.pk]  # as the schedule read it
    bin.restore_images(due)
    assert bin.purge_images(due) == 0
    bin.delete_dataset(dataset)
    read = Dataset.everything.get(pk=dataset.pk)
    bin.restore_dataset(dataset.pk)
    with pytest.raises(NotFoundError, match="in the bin no more"):
        dataset_removal.purge(read)
    assert Image.objects.get() == image
    assert default_storage.exists(str(image.file.name))


def test_rows_that_change_while_they_are_hidden_or_removed_are_not_written_over(
    image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another connection of PostgreSQL changes them; the transaction is done again then, if it can be."""

    def overtake(deleted_at: Any) -> None:
        monkeypatch.setattr(
            signals, sent, Mock(send=lambda *_, **__: Image.everything.update(deleted_at=deleted_at))
        )

    sent = "images_hidden"
    overtake(timezone.now())
    with pytest.raises(OvertakenError), transaction.atomic():
        hiding.hide([image.pk], "deleted_at", timezone.now())
    monkeypatch.undo()
    bin.delete_images([image.pk])
    sent = "images_shown"
    overtake(None)
    with pytest.raises(OvertakenError), transaction.atomic():
        hiding.show([image.pk], "deleted_at")
    monkeypatch.undo()
    monkeypatch.setattr(removal, "record", lambda *_: Image.everything.update(deleted_at=None))
    with pytest.raises(OvertakenError), transaction.atomic():
        removal.remove_images([image.pk], hidden_only=True)
    assert Image.everything.get().sha256 == image.sha256


def test_no_address_shows_a_sheet_or_a_map_of_what_is_hidden(
    dataset: Dataset, image: Image, client: Client
) -> None:
    sprite_sheets.update(dataset, lambda: None)
    sheet = dataset.atlas_pages.get().file.url
    key = f"{FEATURE_MAPS}/{image.pk}/a-map"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:
        bundle.writestr("1.webp", b"a map")
    derived_files.write(key, packed.getvalue(), image, "zip")
    shown = (sheet, f"/media/{key}/1.webp", image.file.url, image.thumbnail.url)
    assert [client.get(address).status_code for address in shown] == [200] * 4
    bin.delete_dataset(dataset)
    assert [client.get(address).status_code for address in shown] == [404] * 4
    bin.restore_dataset(dataset.pk)
    assert [client.get(address).status_code for address in shown] == [200] * 4


def test_the_same_image_added_again_comes_back_from_the_bin(dataset: Dataset, image: Image) -> None:
    bin.delete_images([image.pk])
    back = single_image.add_image(dataset, "again.png", image_bytes(1)).image
    assert (back.pk, back.filename, back.category) == (image.pk, "one.png", "cats")
    assert Image.objects.get() == image
    bin.delete_images([image.pk])
    single_image.add_image(dataset, "again.png", image_bytes(1), "dogs")
    assert Image.objects.get().category == "dogs", "a label that comes with it counts"
    assert counts() == {"dogs": 1}


@pytest.mark.parametrize("again", [bin.delete_images, removal.remove_images])
def test_an_image_deleted_in_the_moment_in_which_it_comes_back_is_stored_all_the_same(
    dataset: Dataset, image: Image, monkeypatch: pytest.MonkeyPatch, again: Callable[[list[int]], Any]
) -> None:
    original, left = datasets.label, [image.pk]

    def label(*args: Any) -> None:
        if left:
            again([left.pop()])
        original(*args)

    monkeypatch.setattr(datasets, "label", label)
    bin.delete_images([image.pk])
    single_image.add_image(dataset, "again.png", image_bytes(1), "dogs")
    assert not left
    assert Image.objects.get().category == "dogs"
    assert counts() == {"dogs": 1}


def test_the_schedule_empties_the_bin_of_what_has_lain_there_long_enough(
    dataset: Dataset, image: Image, settings: Any
) -> None:
    files = (str(image.file.name), str(image.thumbnail.name))
    bin.delete_images([image.pk])
    schedule.tidy()
    assert Image.everything.filter(pk=image.pk).exists()
    before = timezone.now() - timedelta(days=settings.TRASH_DAYS, hours=1)
    Image.everything.update(deleted_at=before)
    schedule.tidy()
    assert not Image.everything.exists()
    assert not any(default_storage.exists(name) for name in files)
    bin.delete_dataset(dataset)
    Dataset.everything.update(deleted_at=before)
    schedule.tidy()
    assert jobs.perform(Job.objects.get(kind=jobs.REMOVE).pk)
    assert not Dataset.everything.exists()
    told = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"image.purge", "dataset.purge"} <= told


def test_with_no_days_a_deletion_is_for_good_at_once(dataset: Dataset, image: Image, settings: Any) -> None:
    settings.TRASH_DAYS = 0
    assert bin.delete_images([image.pk]) == 1
    assert not Image.everything.exists()
    assert not default_storage.exists(str(image.file.name))
    bin.delete_dataset(dataset)
    assert jobs.perform(Job.objects.get(kind=jobs.REMOVE).pk)
    assert not Dataset.everything.exists()


def test_a_removal_whose_files_cannot_go_is_taken_up_by_the_schedule_and_never_comes_back(
    dataset: Dataset, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(name: str) -> None:
        raise ConnectionError("the storage does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(FileSystemStorage, "delete", lambda self, name: away(name))
        assert removal.remove_images([image.pk]) == 0
    assert bin.restore_images([image.pk]) == []
    again = single_image.add_image(dataset, "again.png", image_bytes(1)).image
    assert again.pk != image.pk
    schedule.tidy()
    assert list(Image.everything.all()) == [again]
    assert default_storage.exists(str(again.file.name))


def test_nothing_is_removed_for_good_while_the_storage_is_away(
    dataset: Dataset, image: Image, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files would be back with the storage, and nobody would know whose they were."""
    monkeypatch.setattr(storage_mark, "BELIEVED_S", 0)
    media = Path(settings.MEDIA_ROOT)
    bin.delete_images([image.pk])
    media.rename(media.with_name("away"))
    with pytest.raises(StorageAwayError):
        bin.purge_images([image.pk])
    assert removal.remove_images([image.pk]) == 0
    schedule.tidy()
    job = dataset_removal.begin_removal(dataset)
    jobs.perform(job.pk, tries_again=True)
    assert Job.objects.get(pk=job.pk).state == Job.State.QUEUED
    assert Image.everything.filter(pk=image.pk).exists()
    media.with_name("away").rename(media)
    assert default_storage.exists(str(image.file.name))
    Job.objects.update(not_before=None)
    jobs.perform(job.pk, tries_again=True)
    assert not Dataset.everything.exists()
    assert not default_storage.exists(str(image.file.name))


def test_the_command_shows_the_bin_restores_and_empties(
    dataset: Dataset, image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    bin.delete_images([image.pk])
    call_command("bin")
    assert f"images: 1\nbytes: {image.size_bytes}" in capsys.readouterr().out
    call_command("bin", "--restore-images", image.pk)
    assert "restored: 1" in capsys.readouterr().out
    bin.delete_dataset(dataset)
    call_command("bin", "--restore-dataset", "mine")
    assert Image.objects.get() == image
    bin.delete_images([image.pk])
    call_command("bin", "--empty-all")
    assert "removed: 1" in capsys.readouterr().out
    assert not Image.everything.exists()


def test_people_delete_restore_and_remove_on_the_pages(
    dataset: Dataset, image: Image, staff_client: Client
) -> None:
    gone = staff_client.post(f"/datasets/mine/images/{image.pk}/delete/", follow=True)
    assert "Undo" in gone.content.decode()
    assert image.filename in staff_client.get("/bin/").content.decode()
    back = staff_client.post("/bin/images/", {"action": "restore", "image": image.pk}, follow=True)
    assert "1 image was restored" in back.content.decode()
    gone = staff_client.post("/datasets/mine/delete/", follow=True)
    assert "Undo" in gone.content.decode()
    back = staff_client.post("/bin/datasets/", {"action": "restore", "dataset": dataset.pk}, follow=True)
    assert "is restored" in back.content.decode()
    bin.delete_images([image.pk])
    asked = staff_client.post("/bin/images/", {"action": "remove", "image": image.pk})
    assert "cannot be brought back" in asked.content.decode()
    assert Image.everything.exists()
    staff_client.post("/bin/images/", {"action": "remove", "image": image.pk, "sure": "yes"})
    assert not Image.everything.exists()
    assert "The bin is empty" in staff_client.get("/bin/").content.decode()


def test_the_admin_deletes_into_the_bin_with_a_way_back(
    dataset: Dataset, image: Image, staff_client: Client
) -> None:
    for address in (f"image/{image.pk}", f"dataset/{dataset.pk}"):
        shown = staff_client.post(f"/admin/gallery/{address}/delete/", {"post": "yes"}, follow=True)
        assert 'class="undo"' in shown.content.decode()
    assert Image.everything.get().deleted_at is not None
    assert Dataset.everything.get().deleted_at is not None


def test_who_may_not_delete_sees_no_bin(dataset: Dataset, image: Image, client: Client) -> None:
    bin.delete_images([image.pk])
    users = make_accounts()
    client.force_login(users["user"])
    for address in ("/bin/", "/api/v1/bin/images/", "/api/v1/bin/datasets/"):
        assert client.get(address).status_code == 403, address
    assert client.get(image.file.url).status_code == 404
    client.force_login(users["writer"])
    for address in ("/bin/", "/api/v1/bin/images/", "/api/v1/bin/datasets/"):
        assert client.get(address).status_code == 200, address
