"""Searches with a part of an image: by each way to give one, what is refused, and what is kept."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from PIL import Image as Pillow

from gallery.models import Dataset, Image
from search.extractors.resizing import over_whole
from search.live.document import Example, QueryDocument
from search.live.engine import answered
from search.live.examples import framing
from search.live.rest.box_fields import box_of_text

LEFT = (0.0, 0.0, 0.5, 1.0)
RIGHT = (0.5, 0.0, 1.0, 1.0)


def search(client: Client, /, **document: Any) -> Any:
    """POST a search, and return its answer in JSON."""
    return client.post("/api/v1/search/", json.dumps(document), content_type="application/json").json()


def pixels(image: Image) -> Pillow.Image:
    """Return the pixels of a stored image, in a square of 240."""
    with image.file.open() as file, Pillow.open(file) as opened:
        return opened.convert("RGB").resize((240, 240))


def composite(*images: Image, orientation: int = 1) -> bytes:
    """Return images side by side as a JPEG, which may have to be turned to be upright."""
    found = Pillow.new("RGB", (240 * len(images), 240), "white")
    for place, image in enumerate(images):
        found.paste(pixels(image), (240 * place, 0))
    if orientation == 6:  # to be turned clockwise by a quarter
        found = found.transpose(Pillow.Transpose.ROTATE_90)
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    found.save(out, "JPEG", quality=95, exif=exif)
    return out.getvalue()


@pytest.fixture
def images(sample_dataset: Callable[..., Dataset]) -> list[Image]:
    """Return sixteen searchable images in four categories."""
    return list(sample_dataset(count=4).images.order_by("pk"))


def first(found: Any) -> int:
    """Return the id of the first hit."""
    return int(found["hits"][0]["image"])


def test_a_part_is_its_pixels_to_the_nearest_one() -> None:
    rgb = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    assert np.array_equal(framing.cropped(rgb, (0.5, 0.25, 1.0, 0.75)), rgb[1:3, 3:6])
    assert framing.cropped(rgb, (0.99, 0.99, 1.0, 1.0)).shape == (1, 1, 3)
    assert framing.cropped(rgb, (0.0, 0.0, 0.01, 0.01)).shape == (1, 1, 3)
    assert framing.decoded_side(288, LEFT) == 576
    assert framing.decoded_side(288, None) == 288
    assert over_whole((0.0, -0.5, 1.0, 1.5), (0.5, 0.2, 1.0, 0.6)) == pytest.approx((0.5, 0, 1, 0.8))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("orientation", [1, 6])
def test_each_half_of_two_images_finds_its_own(images: list[Image], client: Client, orientation: int) -> None:
    data = composite(images[0], images[5], orientation=orientation)
    sent = client.post("/api/v1/uploads/", {"file": SimpleUploadedFile("both.jpg", data)}).json()["upload"]
    for image, box in ((images[0], LEFT), (images[5], RIGHT)):
        found = search(client, like=[{"upload": sent, "box": box}], k=3)
        assert first(found) == image.pk
        assert found["hits"][0]["score"] > 0.9
        assert found["like"][0]["box"] == list(box)
        assert (found["like"][0]["width"], found["like"][0]["height"]) == (480, 240)
        # its copy is of the whole: the page draws the frame over it
        assert found["hits"][0]["box"] is None
    whole = search(client, like=[{"upload": sent}], k=3)
    assert whole == search(client, like=[{"upload": sent, "box": [0, 0, 1, 1]}], k=3) | {
        "timings_ms": whole["timings_ms"]
    }


@pytest.mark.django_db(transaction=True)
def test_a_part_of_a_stored_image_is_searched_with_and_its_vector_kept(
    images: list[Image], staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = staff_client.post(
        "/api/v1/images/",
        {"dataset": "mine", "file": SimpleUploadedFile("both.jpg", composite(images[0], images[5]))},
    )
    assert added.status_code == 201
    stored = Image.objects.latest("pk").pk
    found = search(staff_client, like=[{"image": stored, "box": RIGHT}], k=5)
    assert first(found) == images[5].pk
    # as other stored images it never finds itself
    assert stored not in [hit["image"] for hit in found["hits"]]

    def never(*_: object, **__: object) -> None:
        raise AssertionError("The vector was there.")

    monkeypatch.setattr("search.live.examples.example_images.decoding.held", never)
    again = search(staff_client, like=[{"image": stored, "box": RIGHT}], k=5)
    assert again["hits"] == found["hits"]
    steered = {"like": [{"image": stored, "box": RIGHT}, {"image": images[6].pk}]}
    assert len(search(staff_client, **steered, unlike=[{"image": images[0].pk}], k=4)["hits"]) == 4


@pytest.mark.django_db(transaction=True)
def test_the_heat_lies_over_the_part_that_was_searched_with(images: list[Image], client: Client) -> None:
    sent = client.post(
        "/api/v1/uploads/", {"file": SimpleUploadedFile("both.jpg", composite(images[0], images[5]))}
    ).json()["upload"]
    found = search(client, like=[{"upload": sent, "box": RIGHT}], k=3, explain=True)
    for hit in found["hits"]:
        assert np.sum(hit["query_cells"]) == pytest.approx(hit["score"], abs=1e-3)
        x0, y0, x1, y1 = hit["query_square"]
        assert (x0 + x1) / 2 == pytest.approx(0.75)
        assert x1 - x0 == pytest.approx((y1 - y0) / 2)
    asked: dict[str, Any] = {"upload": sent, "box": "0.5,0,1,1", "hit": first(found)}
    explained = client.get("/api/v1/search/explanation/", asked).json()
    assert explained["query_square"] == found["hits"][0]["query_square"]
    assert explained["score"] == pytest.approx(found["hits"][0]["score"], abs=1e-5)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "box",
    [
        [0, 0, 1], [0, 0, 1, 1, 1], [0.5, 0, 0.5, 1], [0.6, 0, 0.5, 1], [0, 0.5, 1, 0.2], [-0.1, 0, 1, 1],
        [0, 0, 1.1, 1], ["0", 0, 1, 1], [True, 0, 1, 1], "0,0,1,1", {}, 5, [None, 0, 1, 1],
    ],
)  # fmt: skip
def test_what_is_no_box_is_refused(client: Client, box: object) -> None:
    for one in ({"image": 1, "box": box}, {"vector": [1.0], "box": [0, 0, 0.5, 1]}):
        answer = client.post("/api/v1/search/", json.dumps({"like": [one]}), content_type="application/json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")
        assert "box" in answer.json()["error"]["detail"].lower()
    asked = client.get("/api/v1/search/explanation/", {"image": "1", "hit": "2", "box": json.dumps(box)})
    assert asked.status_code == 400


@pytest.mark.django_db(transaction=True)
def test_a_part_of_next_to_nothing_is_refused(images: list[Image], client: Client) -> None:
    thin = [0.5, 0, 0.5 + 4 / images[0].width, 1]
    sent = client.post(
        "/api/v1/uploads/", {"file": SimpleUploadedFile("both.jpg", composite(images[0], images[5]))}
    ).json()["upload"]
    for one in ({"image": images[0].pk, "box": thin}, {"upload": sent, "box": [0, 0, 0.01, 1]}):
        answer = client.post("/api/v1/search/", json.dumps({"like": [one]}), content_type="application/json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")
        assert "Draw a larger box" in answer.json()["error"]["detail"]


@pytest.mark.django_db(transaction=True)
def test_the_command_searches_with_a_part(images: list[Image], tmp_path: Any, capsys: Any) -> None:
    path = tmp_path / "both.jpg"
    path.write_bytes(composite(images[0], images[5]))
    call_command("search_images", str(path), "--box", "0.5,0,1,1", "--json")
    report = json.loads(capsys.readouterr().out)
    assert report["hits"][0]["image"] == images[5].pk
    whole = answered(QueryDocument(like=(Example(data=path.read_bytes()),)))
    assert whole.hits[0].score < report["hits"][0]["score"]
    with pytest.raises(CommandError, match="x0, y0, x1, y1"):
        call_command("search_images", str(path), "--box", "0.5,0,0.5,1")
    with pytest.raises(CommandError, match="a part of"):
        call_command("search_images", "--like", str(path), "--box", "0.5,0,1,1")


def test_a_box_is_read_as_it_is_typed() -> None:
    assert box_of_text("0.1,0.2,0.6,0.9") == (0.1, 0.2, 0.6, 0.9)
    assert box_of_text("0,0,1,1") is None
    for wrong in ("", "0,0,1", "a,0,1,1", "nan,0,1,1", "0,0,inf,1", "0.5,0,0.5,1"):
        with pytest.raises(ValueError, match="x0 < x1"):
            box_of_text(wrong)
