"""Files that can be made again: whole or not there, within their quota, the least lately used go first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection

from gallery.errors import NotFoundError
from gallery.ingest.removals import removal
from gallery.models import Dataset, DerivedFile, Image
from gallery.system.home import derived_files
from tests.support.experiment_rows import stored_images

pytestmark = pytest.mark.django_db(transaction=True)

HALF = b"x" * (derived_files.MEGABYTE // 2)


@pytest.fixture
def image(dataset: Dataset) -> Image:
    """Return the row of an image."""
    return Image.objects.get(pk=stored_images(dataset, ["cats"])[0])


@pytest.fixture(autouse=True)
def _room_for_two(settings: Any) -> None:
    settings.DERIVED_FILES_MB = 1


def keep(name: str, image: Image, content: bytes = HALF) -> None:
    """Keep something of an image."""
    derived_files.write(f"made/{image.pk}/{name}", content, image, ".bin")


def kept(image: Image) -> list[str]:
    """Return the names of what is kept, after seeing that rows and files are the same."""
    folder = Path(default_storage.path("made"))
    files = {str(path) for path in folder.rglob("*") if path.is_file()}
    assert files == {default_storage.path(row.file) for row in DerivedFile.objects.all()}
    return sorted(key.rpartition("/")[2] for key in DerivedFile.objects.values_list("key", flat=True))


def test_what_was_not_used_for_longest_goes_first(image: Image) -> None:
    keep("a", image)
    keep("b", image)
    assert kept(image) == ["a", "b"]
    assert derived_files.read(f"made/{image.pk}/a") == HALF
    keep("c", image)
    assert kept(image) == ["a", "c"]
    assert derived_files.read(f"made/{image.pk}/b") is None
    # looking without using it saves nothing
    derived_files.read(f"made/{image.pk}/a", used=False)
    keep("d", image)
    assert kept(image) == ["c", "d"]


def test_what_is_made_now_is_kept_though_it_is_larger_than_the_quota(image: Image) -> None:
    keep("a", image)
    keep("large", image, HALF * 3)
    assert kept(image) == ["large"]
    keep("b", image)
    assert kept(image) == ["b"]
    assert derived_files.kept_bytes() == len(HALF)


def test_what_is_made_anew_takes_the_place_of_what_was_there(image: Image) -> None:
    keep("a", image, b"old")
    keep("a", image, b"new")
    assert kept(image) == ["a"]
    assert derived_files.read(f"made/{image.pk}/a") == b"new"


def test_it_goes_with_its_image(image: Image) -> None:
    keep("a", image, b"one")
    removal.remove_images([image.pk])
    assert kept(image) == []
    assert not Path(default_storage.path(f"made/{image.pk}")).exists()


def test_nothing_is_kept_of_an_image_that_is_gone(image: Image) -> None:
    Image.objects.all().delete()
    with pytest.raises(NotFoundError):
        keep("a", image)
    assert kept(image) == []


def test_many_who_read_and_write_at_once_see_whole_files_and_stay_within_the_quota(image: Image) -> None:
    wrong: list[bytes] = []
    begins = threading.Barrier(4)

    def work(number: int) -> None:
        begins.wait()
        try:
            for turn in range(12):
                name = f"made/{image.pk}/{(number + turn) % 5}"
                content = derived_files.read(name)
                if content is None:
                    derived_files.write(name, HALF, image, ".bin")
                elif content != HALF:
                    wrong.append(content)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert not wrong
    keep("last", image)
    assert len(kept(image)) <= 2
