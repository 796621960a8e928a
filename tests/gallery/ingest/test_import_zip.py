"""One zip with two hundred good pictures and all that can be wrong, through the admin's upload form."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gallery import jobs
from gallery.ingest import importing
from gallery.jobs import broker
from gallery.models import Dataset, FailedFile, Image, Job
from search import job_kinds
from search.models import Embedding
from tests.conftest import image_bytes
from tests.support.hostile.large_images import png

GOOD = 200
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test does the jobs itself."""
    monkeypatch.setattr(broker, "send", lambda *_, **__: None)


def inner_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("inside.png", image_bytes(1))
    return out.getvalue()


ENORMOUS = "bad/enormous.png"
JPEG = image_bytes(9_001, (200, 150), "JPEG")

# name, bytes, code, a word of the reason
BAD: tuple[tuple[str, bytes, str, str], ...] = (
    ("bad/truncated.jpg", JPEG[:300], "not_a_picture", ""),
    ("bad/cut.png", image_bytes(9_002)[:60], "not_a_picture", ""),
    ("bad/text.jpg", b"just some words, no picture at all\n" * 4, "not_a_picture", ""),
    ("bad/page.png", b"<!doctype html><title>404</title><p>Not found", "not_a_picture", ""),
    ("bad/empty.jpg", b"", "skipped", "empty"),
    ("bad/one-byte.gif", b"G", "not_a_picture", ""),
    ("bad/zeros.bmp", bytes(range(256)) * 4, "not_a_picture", ""),
    (ENORMOUS, png((50_000, 50_000), 1, 0), "too_large", "50,000"),
    ("bad/drawing.svg", SVG, "not_a_picture", ""),
    ("bad/nested.zip", inner_zip(), "skipped", "archive"),
    ("bad/zip-in-disguise.jpg", inner_zip(), "skipped", "archive"),
    ("bad/zeros.png", bytes(3_000_000), "not_a_picture", ""),
    ("../../evil.jpg", image_bytes(9_003), "skipped", "out of the archive"),
    ("/etc/absolute.jpg", image_bytes(9_004), "skipped", "absolute"),
    ("C:/windows.jpg", image_bytes(9_005), "skipped", "drive"),
    ("\\\\host\\share.jpg", image_bytes(9_006), "skipped", "absolute"),
    ("bad\\..\\..\\up.jpg", image_bytes(9_007), "skipped", "out of the archive"),
    ("dogs/twin.png", image_bytes(0), "duplicate", "same image"),
    ("dogs/twin-again.png", image_bytes(0), "duplicate", "same image"),
)
LINK = "bad/link.jpg"
# counted only: they belong to a system, to other images, or beside them
LEFT_OUT = (
    ".hidden.png",
    ".git/picture.png",
    "__MACOSX/._0.png",
    "cats/@eaDir/1.png/THUMB.jpg",
    "cats/1.xmp",
    "README",
)


def mixed_zip() -> bytes:
    """Return the archive: good and bad in turns, so that no batch is all good."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(GOOD):
            archive.writestr(f"{'cats' if number % 2 else 'dogs'}/{number}.png", image_bytes(number))
            if number % 9 == 0 and number // 9 < len(BAD):
                name, data, _, _ = BAD[number // 9]
                # not packed again: as a zip bomb it would never reach the check of its dimensions
                method = zipfile.ZIP_STORED if name == ENORMOUS else None
                archive.writestr(name, data, method)
        link = zipfile.ZipInfo(LINK)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        for number, name in enumerate(LEFT_OUT):
            archive.writestr(name, image_bytes(9_100 + number))
    return out.getvalue()


def upload(client: Client, data: bytes, **fields: str) -> Job:
    """Send a zip through the form and return the job it queued."""
    page = "/admin/gallery/dataset/upload/"
    assert client.get(page).status_code == 200
    archive = SimpleUploadedFile("pictures.zip", data, "application/zip")
    response = client.post(page, {"archive": archive, **fields})
    assert response.status_code == 302, response.context["form"].errors
    job = Job.objects.latest("pk")
    assert response["Location"] == job.get_absolute_url()
    return job


def every_image_is_embedded_once() -> bool:
    embedded = Embedding.objects.order_by("image").values_list("image", flat=True)
    return list(embedded) == list(Image.objects.order_by("pk").values_list("pk", flat=True))


def media_files(kind: str) -> list[Path]:
    return [path for path in (settings.MEDIA_ROOT / kind).rglob("*") if path.is_file()]


@pytest.fixture(autouse=True)
def own_media(settings: object, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"  # type: ignore[attr-defined]


def test_two_hundred_good_images_arrive_and_every_bad_file_is_listed_with_its_reason(
    staff_client: Client, tmp_path: Path
) -> None:
    job = upload(staff_client, mixed_zip(), slug="mixed", name="Mixed")
    before = {path.name for path in tmp_path.parent.iterdir()}
    ended = jobs.perform(job.pk)

    assert ended is not None
    assert (ended.state, ended.error) == (Job.State.SUCCEEDED, "")
    assert ended.result.items() >= {"images": GOOD, "duplicates": 2, "failed": len(BAD) + 1 - 2}.items()
    assert ended.done == ended.total == GOOD + len(BAD) + 1
    stored = Image.objects.filter(dataset__slug="mixed")
    assert stored.count() == GOOD
    assert {name: stored.filter(category=name).count() for name in ("cats", "dogs")} == {
        "cats": GOOD // 2,
        "dogs": GOOD // 2,
    }

    listed = {failed.name: failed for failed in FailedFile.objects.filter(job=job)}
    bad = [(name.replace("\\", "/"), code, word) for name, _, code, word in BAD]
    bad.append((LINK, "skipped", "symbolic link"))
    assert set(listed) == {name for name, *_ in bad}
    for name, code, word in bad:
        assert listed[name].code == code, (name, listed[name].reason)
        assert word in listed[name].reason, name
        assert len(listed[name].reason) > 10, name

    # nothing vanished without a number
    assert ended.result["left_out"] == {
        "hidden and system files": 4,
        "side files of images": 1,
        "documents and data": 1,
    }
    reasons = ended.result["reasons"]
    assert reasons["not an image that can be read"] == sum(code == "not_a_picture" for _, code, _ in bad)
    assert sum(reasons.values()) == ended.failed
    assert (ended.outcome, ended.failed) == ("partly", len(BAD) + 1 - 2)

    # nothing escaped, nothing half-written or left over
    assert len(media_files("images")) == len(media_files("thumbnails")) == GOOD
    assert not media_files("uploads")
    assert {path.name for path in tmp_path.parent.iterdir()} == before
    # the features of the new pictures are there
    assert every_image_is_embedded_once()
    assert ended.result["embeddings"] == GOOD
    assert not Job.objects.filter(kind=job_kinds.EXTRACT).exists()
    for failed in list(listed.values())[:3]:
        assert failed.name in staff_client.get(job.get_absolute_url()).content.decode()


def test_an_import_done_again_after_a_crash_gives_the_same_and_lists_nothing_twice(
    staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = upload(staff_client, mixed_zip(), slug="again")

    class Killed(BaseException):
        """The process ends here, without a word."""

    add, calls = jobs.ClaimedJob.touch, []

    def dies(run: jobs.ClaimedJob, **changes: object) -> None:
        calls.append(1)
        if Image.objects.count() >= 64:
            raise Killed
        add(run, **changes)

    monkeypatch.setattr(jobs.ClaimedJob, "touch", dies)
    with pytest.raises(Killed):
        jobs.perform(job.pk)
    monkeypatch.undo()
    monkeypatch.setattr(broker, "send", lambda *_, **__: None)
    assert 64 <= Image.objects.count() < GOOD
    Job.objects.filter(pk=job.pk).update(heartbeat_at="2000-01-01T00:00Z")
    jobs.sweep()
    ended = jobs.perform(job.pk)

    assert ended is not None
    assert ended.state == Job.State.SUCCEEDED
    assert ended.attempts == 2
    assert ended.result.items() >= {"images": GOOD, "duplicates": 2, "failed": len(BAD) + 1 - 2}.items()
    assert Image.objects.count() == GOOD
    assert every_image_is_embedded_once()
    assert FailedFile.objects.filter(job=job).count() == len(BAD) + 1


def test_a_refused_zip_fails_its_job_with_words_and_leaves_no_upload(staff_client: Client) -> None:
    # it ends as a zip does, and what it says of its contents is not there
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 46, 358, 0)
    job = upload(staff_client, b"PK\x03\x04" + b"nonsense" * 50 + end, slug="broken")
    ended = jobs.perform(job.pk)
    assert ended is not None
    assert ended.state == Job.State.FAILED
    assert "zip" in ended.error
    assert not media_files("uploads")


def test_what_is_no_zip_or_not_from_staff_is_refused_by_the_form(staff_client: Client) -> None:
    page = "/admin/gallery/dataset/upload/"
    text = SimpleUploadedFile("pictures.zip", b"words", "application/zip")
    answer = staff_client.post(page, {"archive": text, "slug": "words"})
    assert answer.context["form"].errors["archive"] == [
        "this is neither a zip, tar or tar.gz file nor an image, or its end is missing: make it again"
    ]
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(page, {"slug": "x"}).status_code in (302, 403)
    assert not Job.objects.exists()
    assert not Dataset.objects.exists()


def test_an_upload_is_kept_until_its_job_has_ended_for_good(dataset: Dataset) -> None:
    job = importing.enqueue_archive(dataset, SimpleUploadedFile("a.zip", zipped({"one.png": image_bytes(1)})))
    upload = job.parameters["upload"]
    run = jobs.claim(job.pk)
    assert run is not None
    importing.import_job(run)  # done, and its worker is killed before it can say so
    assert default_storage.exists(upload)
    Job.objects.filter(pk=job.pk).update(state=Job.State.QUEUED)
    again = jobs.perform(job.pk)
    assert again is not None
    assert (again.state, again.result["images"]) == (Job.State.SUCCEEDED, 1)
    assert not default_storage.exists(upload)


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()
