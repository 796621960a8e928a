"""Images that browsers do not show are sent to pages as a rendition; the file itself stays what it was."""

from __future__ import annotations

import io

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image as Pillow

from gallery.browse.image_summaries import image_summaries
from gallery.imaging.decoding import ImageLimits, decode
from gallery.ingest import single_image
from gallery.ingest.removals import removal
from gallery.models import Dataset, DerivedFile, Image
from tests.support.kinds import unshown
from tests.support.kinds.kind import image, pixels, saved

pytestmark = pytest.mark.django_db


def added(dataset: Dataset, name: str, data: bytes) -> Image:
    return single_image.add_image(dataset, name, data).image


def shown(client: Client, row: Image) -> str:
    """Return the address that the page of an image shows."""
    page = client.get(f"/datasets/mine/images/{row.pk}/").content.decode()
    return page.split("picture-stage")[1].split('<img src="')[1].split('"')[0]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.tif", saved(image(), "TIFF")),
        ("a.jp2", saved(image(), "JPEG2000")),
        ("a.ppm", saved(image(), "PPM")),
        ("a.heic", unshown.heic(image())),
    ],
)
def test_the_page_shows_a_rendition_and_offers_the_file(
    client: Client, dataset: Dataset, name: str, data: bytes
) -> None:
    row = added(dataset, name, data)
    address = shown(client, row)
    assert address == f"/media/renditions/{row.pk}/1.jpg" == image_summaries([row.pk])[row.pk]["shown_url"]
    for _ in range(2):  # made, then kept
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer["Content-Type"] == "image/jpeg"
        rgb = decode(b"".join(answer.streaming_content), ImageLimits())  # type: ignore[attr-defined]
        assert np.abs(rgb.astype(int) - pixels()).mean() < 3
    assert DerivedFile.objects.count() == 1
    original = client.get(default_storage.url(str(row.file.name)))
    assert b"".join(original.streaming_content) == data  # type: ignore[attr-defined]


def test_what_browsers_show_is_shown_itself(client: Client, dataset: Dataset) -> None:
    row = added(dataset, "a.png", saved(image(), "PNG"))
    assert shown(client, row) == default_storage.url(str(row.file.name))
    assert client.get(f"/media/renditions/{row.pk}/1.jpg").status_code == 404


def test_a_rendition_is_no_larger_than_pages_need(client: Client, dataset: Dataset) -> None:
    row = added(dataset, "large.tif", saved(Pillow.fromarray(pixels(2500, 1000)), "TIFF"))
    content = b"".join(client.get(shown(client, row)).streaming_content)  # type: ignore[attr-defined]
    assert Pillow.open(io.BytesIO(content)).size == (1600, 640)


def test_a_rendition_goes_with_its_image_and_is_none_for_what_is_not_there(
    client: Client, dataset: Dataset
) -> None:
    row = added(dataset, "a.tif", saved(image(), "TIFF"))
    address = shown(client, row)
    assert client.get(address).status_code == 200
    removal.remove_images([row.pk])
    assert not DerivedFile.objects.exists()
    for path in (
        address,
        "/media/renditions/1.jpg",
        "/media/renditions/x/1.jpg",
        "/media/renditions/1/2.jpg",
    ):
        assert client.get(path).status_code == 404, path
    assert client.get(f"/media/renditions/{10**30}/1.jpg").status_code == 404


def test_a_file_that_is_gone_is_said_so(client: Client, dataset: Dataset) -> None:
    row = added(dataset, "a.tif", saved(image(), "TIFF"))
    default_storage.delete(str(row.file.name))
    assert client.get(shown(client, row)).status_code == 404


def test_the_page_says_how_a_cut_file_was_read(client: Client, dataset: Dataset) -> None:
    row = added(dataset, "cut.jpg", saved(image(), "JPEG", quality=92)[:-2])
    assert row.note == "The file lacks its end marker; the image is whole."
    assert row.note in client.get(f"/datasets/mine/images/{row.pk}/").content.decode()
