"""Feature maps of stored pictures: which channels, what they look like, how long they are kept."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from PIL import Image as Pillow

from gallery.imaging import decoding
from gallery.imaging.limits import image_limits
from gallery.ingest.removals import dataset_removal, removal
from gallery.ingest.single_image import add_image
from gallery.models import Dataset, DerivedFile, Image, Job
from gallery.system.concurrency.places import Places
from gallery.system.concurrency.single_flight import SingleFlight
from search.extractors.map_images import INFERNO, coloured, strongest_channels
from search.extractors.multi_layer_extractor import MultiLayerExtractor
from search.extractors.networks.registry import get_network
from search.features import feature_maps
from search.maintenance import verification
from tests.conftest import sample_files

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = "efficientnet-lite0"


@pytest.fixture
def image(dataset: Dataset) -> Image:
    """Return a stored sample picture."""
    file = sample_files("objects200")[0]
    return add_image(dataset, file.name, file.read_bytes(), file.parent.name).image


def ask(client: Client, image: Image | int, layer: str = "stage3", model: str = MODEL, **more: Any) -> Any:
    """GET the feature maps of a layer."""
    pk = image if isinstance(image, int) else image.pk
    return client.get(f"/api/v1/models/{model}/layers/{layer}/feature-maps/", {"image": pk, **more})


def kept_files() -> list[Path]:
    """Return the files that are kept of feature maps."""
    return [path for path in Path(default_storage.path("feature-maps")).rglob("*") if path.is_file()]


def test_the_strongest_channels_of_a_layer_come_first_with_their_means(
    client: Client, image: Image, settings: Any
) -> None:
    found = ask(client, image, "top", count=5).json()
    layers = get_network(MODEL).layers
    extractor = MultiLayerExtractor(
        MODEL, layers, pooling="average", cache_dir=settings.CACHE_ROOT / "models"
    )
    with default_storage.open(str(image.file.name)) as file:
        rgb = decoding.decode(file.read(), image_limits(), shortest_side=224)
    means = extractor.extract(extractor.prepare(rgb)[None])[-1][0]
    assert (found["image"], found["model"], found["layer"]) == (image.pk, MODEL, "top")
    assert found["shape"] == [7, 7, 1280]
    np.testing.assert_allclose([one["mean"] for one in found["maps"]], np.sort(means)[::-1][:5], rtol=1e-3)
    assert "means" not in found
    np.testing.assert_allclose(
        ask(client, image, "top", means=True).json()["means"], means, atol=1e-5, rtol=1e-3
    )
    np.testing.assert_allclose(
        [one["mean"] for one in found["maps"]], means[[one["channel"] for one in found["maps"]]], rtol=1e-3
    )


def test_every_map_is_a_small_image_that_anybody_can_fetch(client: Client, image: Image) -> None:
    maps = ask(client, image).json()["maps"]
    assert len({one["picture"] for one in maps}) == 12
    for one in maps:
        response = client.get(one["picture"])
        assert response.status_code == 200
        with Pillow.open(io.BytesIO(response.getvalue())) as shown:
            assert (shown.format, shown.size) == ("WEBP", (112, 112))


def test_maps_are_made_once(client: Client, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask(client, image, count=6).json()

    def never(*_: Any) -> None:
        raise AssertionError("the network was asked again")

    with monkeypatch.context() as patch:
        patch.setattr(feature_maps, "all_layers", never)
        assert ask(client, image, count=6).json() == first
        assert ask(client, image, count=2).json()["maps"] == first["maps"][:2]
    more = ask(client, image, count=8).json()["maps"]
    assert more[:6] == first["maps"]
    assert len(more) == 8


def test_a_layer_with_fewer_channels_than_asked_for_gives_all(
    client: Client, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(ask(client, image, "stem", count=64).json()["maps"]) == 32
    monkeypatch.setattr(feature_maps, "all_layers", lambda *_: pytest.fail("the network was asked again"))
    assert len(ask(client, image, "stem", count=64).json()["maps"]) == 32


def test_a_list_that_is_damaged_is_made_again(client: Client, image: Image) -> None:
    first = ask(client, image, count=3).json()
    (kept,) = kept_files()
    kept.write_bytes(kept.read_bytes()[:-30])
    assert ask(client, image, count=3).json() == first
    assert len(kept_files()) == 1


def test_a_layer_is_one_file_whatever_is_asked_of_it(client: Client, image: Image) -> None:
    for count in (3, 12, 64):
        ask(client, image, count=count)
    (kept,) = kept_files()
    row = DerivedFile.objects.get()
    assert (kept.stat().st_size, default_storage.path(row.file)) == (row.size_bytes, str(kept))


def test_of_many_who_ask_for_the_same_at_once_one_makes_it(
    client: Client, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(client, image, "stem", count=1)  # loads the network
    made: list[str] = []
    make = feature_maps._make

    def counted(*given: Any) -> Any:
        made.append(given[2])
        return make(*given)

    monkeypatch.setattr(feature_maps, "_make", counted)
    begins = threading.Barrier(6)

    def asked(_: int) -> dict[str, Any]:
        begins.wait()
        try:
            answer: dict[str, Any] = ask(Client(), image, "stage4", count=4).json()
            return answer
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(asked, range(6)))
    assert answers == [answers[0]] * 6
    assert len(answers[0]["maps"]) == 4
    assert made == ["stage4"]


def test_who_asks_while_too_much_is_being_made_is_told_to_come_again(
    client: Client, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    flights: SingleFlight[Any] = SingleFlight(Places(1, 0.05, "Busy."), 1, 1.0, "Busy.")
    monkeypatch.setattr(feature_maps, "_flights", flights)
    for held in (flights._places.place(), flights._may_ask):
        with held:
            answer = ask(client, image, count=1)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
        assert int(answer["Retry-After"]) > 0
    assert ask(client, image, count=1).status_code == 200


def test_verify_knows_what_is_kept_and_finds_what_nothing_points_at(client: Client, image: Image) -> None:
    ask(client, image, count=2)
    assert not [problem for problem in verification.verify().problems if "feature-maps" in problem]
    (kept,) = kept_files()
    stray = kept.with_name("stray.zip")
    stray.write_bytes(b"x")
    name = f"feature-maps/{image.pk}/stray.zip"
    assert f"The stored file {name} belongs to no image." in verification.verify().problems
    # a job that waits for its worker might be about to point at what is new
    Job.objects.all().delete()
    list(verification.repair())
    assert kept_files() == [kept]
    # what is lost is made again by whoever asks for it
    kept.unlink()
    assert not [problem for problem in verification.verify().problems if "feature-maps" in problem]
    assert len(ask(client, image, count=2).json()["maps"]) == 2


@pytest.mark.parametrize("rest", ["list.json", "99999.webp", "../0.webp"])
def test_nothing_else_of_what_is_kept_is_sent(client: Client, image: Image, rest: str) -> None:
    address = ask(client, image, count=1).json()["maps"][0]["picture"]
    assert client.get(address).status_code == 200
    folder = address.rpartition("/")[0]
    assert client.get(f"{folder}/{rest}").status_code == 404
    assert client.get(f"{folder}.zip").status_code == 404


def test_maps_go_with_their_image_and_with_their_dataset(
    client: Client, dataset: Dataset, image: Image
) -> None:
    file = sample_files("objects200")[1]
    other = add_image(dataset, file.name, file.read_bytes()).image
    for kept in (image, other):
        ask(client, kept, count=2)
    folder = Path(default_storage.path("feature-maps"))
    assert {path.name for path in folder.iterdir()} == {str(image.pk), str(other.pk)}
    removal.remove_images([image.pk])
    assert [path.name for path in folder.iterdir()] == [str(other.pk)]
    dataset_removal.remove_dataset(dataset)
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("model", "layer", "reason"),
    [
        ("resnet51", "top", "no network called 'resnet51'"),
        (MODEL, "stage9", "no layer 'stage9'"),
        ("colour-histogram", "histogram", "no feature maps"),
    ],
)
def test_what_does_not_exist_is_not_found(
    client: Client, image: Image, model: str, layer: str, reason: str
) -> None:
    response = ask(client, image, layer, model)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"
    assert reason in response.json()["error"]["detail"]


def test_an_unknown_image_is_not_found(client: Client, db: None) -> None:
    response = ask(client, 987654)
    assert response.status_code == 404
    assert response.json()["error"] == {"code": "not_found", "detail": "There is no image 987654."}


@pytest.mark.parametrize(
    "query", [{}, {"image": "x"}, {"image": 2**70}, {"image": 1, "count": 0}, {"image": 1, "count": 65}]
)
def test_bad_parameters_are_refused_in_words(client: Client, db: None, query: dict[str, Any]) -> None:
    response = client.get(f"/api/v1/models/{MODEL}/layers/top/feature-maps/", query)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid"


def test_a_network_without_weights_says_what_to_do(
    client: Client, image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    response = ask(client, image, "top", "vgg16")
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "weights_unavailable"
    assert "not installed" in response.json()["error"]["detail"]


def test_an_image_whose_file_is_gone_is_not_found(client: Client, image: Image) -> None:
    default_storage.delete(str(image.file.name))
    response = ask(client, image)
    assert response.status_code == 404
    assert "import the image again" in response.json()["error"]["detail"]


def test_equal_channels_come_in_the_order_of_their_numbers() -> None:
    maps = np.zeros((2, 2, 4), np.float32)
    maps[:, :, [1, 3]] = 0.5
    maps[0, 0, 2] = 4
    assert strongest_channels(maps.mean(axis=(0, 1), dtype=np.float64), 3) == [2, 1, 3]


def test_a_map_goes_from_dark_to_light_and_an_even_one_is_dark() -> None:
    ramp = np.repeat(np.linspace(-3, 5, 16, dtype=np.float32)[None], 16, axis=0)
    shown = coloured(ramp, 64)
    assert shown.shape == (64, 64, 3)
    first, last = ([int(colour[n : n + 2], 16) for n in (1, 3, 5)] for colour in (INFERNO[0], INFERNO[-1]))
    assert shown[30, 0].tolist() == first
    assert shown[30, -1].tolist() == last
    brightness = shown.astype(int).sum(axis=2)[30]
    assert (np.diff(brightness[::8]) > 0).all()
    assert (coloured(np.full((5, 5), 2.0, np.float32), 10) == first).all()
