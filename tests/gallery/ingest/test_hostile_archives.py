"""Hostile archives of every kind through the whole import: what can be read is, the rest is named, in bounds.

The long form, `make test-hostile`, lists what became of how many.
"""

from __future__ import annotations

import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gallery import jobs
from gallery.errors import SemsearchError
from gallery.models import Dataset, FailedFile, Image
from gallery.system.home import storage_mark
from tests.support.hostile.archives import KINDS, hostile
from tests.support.hostile.mutations import mutated
from tests.support.hostile.watching import Outcomes, watched

pytestmark = pytest.mark.django_db(transaction=True)

# each kind once
USUAL = len(KINDS)
SUFFIXES = {".png", ".webp", ".jpg"}
CODES = {"not_a_picture", "too_large", "skipped", "duplicate"}


@pytest.mark.parametrize("count", [USUAL, pytest.param(300, marks=pytest.mark.hostile)])
def test_hostile_archives_are_imported_or_refused_in_bounds(
    count: int, dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes, files = Outcomes(), Outcomes()
    before = set(tmp_path.parent.rglob("*"))
    archive = tmp_path / "hostile.zip"
    with watched() as memory:
        for name, data in hostile(count):
            archive.write_bytes(data)
            started, outcome = time.perf_counter(), "imported"
            try:
                jobs.perform_now(jobs.IMPORT, dataset, path=str(archive), announce=False)
            except SemsearchError as error:
                outcome = error.detail.split(":", 1)[1].split("(")[0].strip()[:60]
            outcomes.add(outcome, name, time.perf_counter() - started)
    for failed in FailedFile.objects.values_list("code", flat=True):
        files.add(failed, "", 0.0)
    with capsys.disabled():
        if count != USUAL:
            print(outcomes.table("hostile archives", memory))  # noqa: T201
            print(files.table("files of them that were listed as failed", memory))  # noqa: T201
    # others are refused as a whole, or hold nothing that can be used
    assert outcomes.counts["imported"] > count // 3
    assert set(files.counts) <= CODES
    assert memory.tree < settings.DECODE_MEMORY_MB * 2**20
    media = Path(settings.MEDIA_ROOT)
    written = {path for path in tmp_path.parent.rglob("*") if not path.is_relative_to(media)} - before
    assert written == {archive}, "something was written elsewhere"
    stored = {path for path in media.rglob("*") if path.is_file()} - {media / storage_mark.FILE}
    assert {path.suffix for path in stored} <= SUFFIXES
    for image in Image.objects.all():
        assert Path(image.file.path).resolve().is_relative_to(media.resolve()), image.file.path


@pytest.mark.parametrize("count", [40, pytest.param(1_000, marks=pytest.mark.hostile)])
def test_mutated_images_are_taken_or_refused_by_the_api_and_by_an_import(
    count: int, dataset: Dataset, tmp_path: Path, staff_client: Client
) -> None:
    images = list(mutated(count, seed=7))
    statuses: Counter[int] = Counter()
    for number, (_, data) in enumerate(images):
        file = SimpleUploadedFile(f"{number}.jpg", data)
        address = ("/api/v1/images/", "/api/v1/search/")[number % 2]
        statuses[staff_client.post(address, {"dataset": "mine", "file": file}).status_code] += 1
    # a search finds nothing indexed, or by then something; an image may be there already
    assert set(statuses) <= {200, 201, 400, 409, 413, 415}, statuses

    archive = tmp_path / "mutated.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for number, (_, data) in enumerate(images):
            target.writestr(f"{number}.jpg", data or b"-")
    job = jobs.perform_now(jobs.IMPORT, dataset, path=str(archive), announce=False)
    counts = job.result
    assert counts["images"] + counts["duplicates"] + counts["failed"] == len(images)
    assert set(FailedFile.objects.filter(job=job).values_list("code", flat=True)) <= CODES
