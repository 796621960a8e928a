"""Verification never removes what cannot be made again, whatever it finds."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import call_command
from django.db import transaction
from django.test import Client

from gallery import jobs
from gallery.errors import StorageAwayError
from gallery.ingest import single_image
from gallery.ingest.removals import bin
from gallery.models import AuditEntry, Dataset, Image, Job, StorageMark
from gallery.system.home import storage_mark
from search import job_kinds
from search.experiments import queries
from search.features import feature_specs
from search.indexing import builds, snapshots
from search.live.query import SearchRequest, search
from search.maintenance import found_files, schedule, stored_files, verification
from search.models import Embedding, HiddenEmbedding
from tests.conftest import image_bytes
from tests.support.experiment_rows import experiment_row, query_row

pytestmark = pytest.mark.django_db


@pytest.fixture
def indexed(sample_dataset: Callable[..., Dataset]) -> Dataset:
    """Return twelve searchable images in four categories, with a published generation."""
    dataset = sample_dataset(count=3)
    builds.rebuild(feature_specs.live_index(dataset))
    storage_mark.require()
    return dataset


def files() -> set[str]:
    """Return the names of all originals and thumbnails in the storage."""
    return {name for folder in ("images", "thumbnails") for name in stored_files.walk(folder)}


def rows() -> list[tuple[Any, ...]]:
    """Return what must not change of the images."""
    return list(Image.objects.order_by("pk").values_list("pk", "category", "file", "thumbnail"))


def found_by(image: Image) -> set[int]:
    """Return the ids of the images that a search for one finds."""
    return {hit.image.pk for hit in search(SearchRequest(image_id=image.pk, k=50)).hits}


def said(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """Verify, and return the report."""
    call_command("verify", *words, "--json")
    report: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return report


@pytest.mark.parametrize("leaves_mark", [False, True], ids=["unmounted", "emptied"])
def test_while_the_storage_is_away_nothing_is_repaired_and_afterwards_everything_is_there(
    indexed: Dataset, capsys: pytest.CaptureFixture[str], leaves_mark: bool
) -> None:
    before, stored = rows(), files()
    media = Path(settings.MEDIA_ROOT)
    away = media.with_name("away")
    media.rename(away)
    media.mkdir()
    if leaves_mark:
        shutil.copy(away / storage_mark.FILE, media)
    storage_mark.forget()
    report = said(capsys, "--repair")
    assert (report["ok"], report["storage"], report["images"]) == (False, "away", 12)
    assert rows() == before
    with pytest.raises(schedule.DisagreementError, match="seems to be away") as told:
        schedule.verify_job(jobs.claim(jobs.enqueue("verify", None).pk))  # type: ignore[arg-type]
    assert "--repair` mends" not in told.value.detail
    if not leaves_mark:
        with pytest.raises(StorageAwayError):
            single_image.add_image(indexed, "a.png", image_bytes(1))
    shutil.rmtree(media)
    away.rename(media)
    storage_mark.forget()
    report = said(capsys, "--repair")
    assert (report["ok"], report["images"], report["indexed"]) == (True, 12, 12)
    assert (rows(), files()) == (before, stored)


def test_jobs_that_read_images_rest_while_the_storage_is_away(indexed: Dataset) -> None:
    Embedding.objects.all().delete()
    media = Path(settings.MEDIA_ROOT)
    media.rename(media.with_name("away"))
    storage_mark.forget()
    job = jobs.enqueue(job_kinds.EXTRACT, indexed)
    jobs.perform(job.pk, tries_again=True)
    job.refresh_from_db()
    assert (job.state, job.failed) == (Job.State.QUEUED, 0)
    assert "seems to be away" in job.message + job.error
    media.with_name("away").rename(media)
    Job.objects.update(not_before=None)
    jobs.perform(job.pk, tries_again=True)
    assert Embedding.objects.count() == 12


def test_an_image_whose_file_is_missing_is_hidden_and_shown_again_when_it_is_back(
    indexed: Dataset, capsys: pytest.CaptureFixture[str], client: Client
) -> None:
    before = rows()
    lost, other = Image.objects.order_by("pk")[:2]
    place = Path(lost.file.path)
    content = place.read_bytes()
    place.unlink()
    assert said(capsys)["missing_originals"] == 1
    report = said(capsys, "--repair")
    assert report["ok"]
    assert (report["images"], report["embeddings"], report["indexed"], report["hidden"]) == (11, 11, 11, 1)
    assert Image.everything.count() == 12
    assert lost.pk not in found_by(other)
    assert client.get(f"/datasets/mine/images/{lost.pk}/").status_code == 404
    place.write_bytes(content)
    schedule.tidy()
    assert rows() == before
    assert lost.pk in found_by(other)
    assert said(capsys)["ok"]
    told = AuditEntry.objects.filter(action__startswith="verification.").values_list("action", flat=True)
    assert list(told) == ["verification.show", "verification.hide"]


def test_the_same_bytes_bring_an_image_back_whose_file_was_lost(indexed: Dataset) -> None:
    lost = Image.objects.order_by("pk")[0]
    content = Path(lost.file.path).read_bytes()
    Path(lost.file.path).unlink()
    list(verification.repair())
    assert single_image.add_image(indexed, "again.jpg", content).image == lost
    assert Path(lost.file.path).read_bytes() == content
    assert verification.verify().ok


def test_more_than_two_percent_missing_are_taken_for_lost_only_when_somebody_says_so(
    indexed: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    for image in Image.objects.order_by("pk")[:2]:
        Path(image.file.path).unlink()
    assert said(capsys, "--repair")["storage"] == "away"
    assert Image.objects.count() == 12
    report = said(capsys, "--repair", "--trust-storage")
    assert (report["ok"], report["images"], report["hidden"]) == (True, 10, 2)


def test_originals_without_rows_are_taken_in_again_or_set_aside_and_never_deleted(
    indexed: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    known, broken = Image.objects.order_by("pk")[:2]
    content = Path(known.file.path).read_bytes()
    Image.everything.filter(pk=known.pk).delete()
    torn = default_storage.save(str(broken.file.name).replace(broken.sha256, "f" * 64), broken.file)
    nobody = default_storage.save(f"images/99/{known.sha256[:2]}/{known.sha256}.jpg", broken.file)
    report = said(capsys)
    assert (report["unknown_originals"], report["ok"]) == (3, False)
    report = said(capsys, "--repair")
    assert (report["ok"], report["images"], report["indexed"]) == (True, 12, 12)
    again = Image.objects.latest("pk")
    assert (again.sha256, again.category, again.dataset) == (known.sha256, "", indexed)
    assert Path(again.file.path).read_bytes() == content
    assert default_storage.exists(str(again.thumbnail.name))
    for name in (torn, nobody):
        assert not default_storage.exists(name)
        assert default_storage.exists(f"{stored_files.LOST_AND_FOUND}/{name}")
    (written,) = Path(settings.MEDIA_ROOT, stored_files.LOST_AND_FOUND).glob("report-*.txt")
    assert {line.split()[1] for line in written.read_text().splitlines()} == {torn, nobody}


def test_what_was_set_aside_beside_another_database_goes_back_to_its_place(
    indexed: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    before, stored = rows(), files()
    with transaction.atomic():
        Image.everything.all().delete()
        Dataset.everything.filter(pk=indexed.pk).delete()
        assert len(list(found_files.take_in(stored_files.walk("images")))) == 12
        transaction.set_rollback(True)
    assert rows() == before
    assert list(stored_files.walk("images")) == []
    report = said(capsys)
    assert (report["storage"], report["missing_originals"]) == ("right", 12)
    assert said(capsys, "--repair")["ok"]
    assert (rows(), files()) == (before, stored)


def test_what_cannot_be_moved_or_read_stays_where_it_is(
    indexed: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray = default_storage.save("images/99/stray.jpg", ContentFile(b"somebody's"))
    (Path(settings.MEDIA_ROOT) / stored_files.LOST_AND_FOUND).write_text("no folder")
    assert any(line.startswith(f"Left {stray}: ") for line in verification.repair())
    assert default_storage.exists(stray)

    def stale(storage: FileSystemStorage, path: str) -> Any:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(FileSystemStorage, "listdir", stale)
    (said_of_it,) = verification.repair()
    assert "Nothing was repaired" in said_of_it
    assert "Stale file handle" in said_of_it
    assert Image.objects.count() == 12


def test_an_image_that_comes_while_the_folders_are_listed_is_not_missing(
    indexed: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = stored_files.walk

    def walk(folder: str) -> list[str]:
        return [name for name in listed(folder) if str(indexed.pk) + "/" not in name]

    monkeypatch.setattr(stored_files, "walk", walk)
    found = stored_files.compare()
    assert (found.away, found.missing) == ("", [])


def test_nothing_that_an_import_has_just_stored_is_touched(indexed: Dataset) -> None:
    original = default_storage.save("images/99/aa/stray.jpg", ContentFile(b"an original"))
    thumbnail = default_storage.save("thumbnails/99/aa/stray.webp", ContentFile(b"a thumbnail"))
    jobs.enqueue(jobs.IMPORT, indexed)
    list(verification.repair())
    assert default_storage.exists(original)
    assert default_storage.exists(thumbnail)


def test_thumbnails_are_made_again(indexed: Dataset) -> None:
    for image in Image.objects.all():
        Path(image.thumbnail.path).unlink()
    assert verification.verify().missing_thumbnails == 12
    assert "Made 12 thumbnails anew." in list(verification.repair())
    assert verification.verify().ok


def test_the_storage_is_marked_at_first_use_and_another_one_is_not_believed(
    dataset: Dataset, settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    single_image.add_image(dataset, "a.png", image_bytes(1))
    identity = str(StorageMark.objects.get().identity)
    assert identity in (Path(settings.MEDIA_ROOT) / storage_mark.FILE).read_text()
    mark = Path(settings.MEDIA_ROOT) / storage_mark.FILE
    mark.write_text(mark.read_text().replace(identity, "00000000-0000-4000-8000-000000000000"))
    storage_mark.forget()
    assert "another installation" in verification.verify().problems[0]
    assert said(capsys, "--trust-storage")["ok"]
    assert identity in mark.read_text()


def test_a_hidden_image_leaves_the_index_that_serves_and_comes_back_into_it(indexed: Dataset) -> None:
    gone, other = Image.objects.order_by("pk")[:2]
    vector = bytes(Embedding.objects.get(image=gone).vector)
    generation = snapshots.searchable(feature_specs.live_index(indexed)).generation
    assert gone.pk in found_by(other)
    bin.delete_images([gone.pk])
    assert gone.pk not in found_by(other)
    assert not Embedding.objects.filter(image=gone).exists()
    bin.restore_images([gone.pk])
    assert gone.pk in found_by(other)
    assert bytes(Embedding.objects.get(image=gone).vector) == vector
    assert not HiddenEmbedding.objects.exists()
    assert snapshots.searchable(feature_specs.live_index(indexed)).generation is generation, "not rebuilt"
    builds.rebuild(feature_specs.live_index(indexed))
    assert verification.verify().ok


def test_experiments_of_a_hidden_image_and_of_a_dataset_in_the_bin_come_back(indexed: Dataset) -> None:
    ids = list(Image.objects.order_by("pk").values_list("pk", flat=True))
    experiment = experiment_row(indexed, feature_specs.live_index(indexed).spec)
    for pk in ids[:2]:
        query_row(experiment, pk, ids[:4], [0.9, 0.8, 0.7, 0.6]).save()
    before = queries.neighbours(experiment.pk, ids[1], 4)
    bin.delete_images(ids[:1])
    assert [row["id"] for row in queries.neighbours(experiment.pk, ids[1], 4)["neighbours"]] == ids[1:4]
    bin.restore_images(ids[:1])
    assert queries.neighbours(experiment.pk, ids[1], 4) == before
    assert queries.neighbours(experiment.pk, ids[0], 4)["image"]["id"] == ids[0]
    bin.delete_dataset(indexed)
    assert list(queries.matching(queries.ExperimentFilter())) == []
    bin.restore_dataset(indexed.pk)
    assert [row.pk for row in queries.matching(queries.ExperimentFilter())] == [experiment.pk]
    assert found_by(Image.objects.get(pk=ids[0])) == set(ids[1:])
