"""The first frame of the search visualization: which dataset it shows, and what it says without any."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from gallery.models import Dataset
from search.experiments import explore_frame
from tests.support.experiment_rows import experiment_row, feature_spec, stored_images

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(db: None) -> None:
    """Add an empty dataset, one with pictures, and one with an experiment, in this order of names."""
    Dataset.objects.create(slug="a-empty", name="A")
    stored_images(Dataset.objects.create(slug="b-pictures", name="B"), ["cats", "dogs"])
    computed = Dataset.objects.create(slug="c-computed", name="C")
    stored_images(computed, ["cats", "dogs"])
    experiment_row(computed, feature_spec())


def shown(client: Client, **asked: str) -> str:
    """Return the slug of the dataset the page shows first."""
    frame = client.get("/", asked).context["frame"]
    return str(frame.shown.dataset.slug)


def test_the_dataset_of_the_address_is_shown(client: Client, three: None) -> None:
    assert shown(client, dataset="a-empty") == "a-empty"


@pytest.mark.parametrize("slug", ["", "nowhere", "<b>", "x" * 3000])
def test_else_the_first_that_has_experiments_is_shown(client: Client, three: None, slug: str) -> None:
    assert shown(client, dataset=slug) == "c-computed"


def test_of_very_many_datasets_some_are_offered_the_asked_one_among_them(
    client: Client, three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not client.get("/").context["frame"].more
    monkeypatch.setattr(explore_frame, "MOST_DATASETS", 2)
    frame = client.get("/", {"dataset": "c-computed"}).context["frame"]
    assert [card.dataset.slug for card in frame.cards] == ["c-computed", "a-empty", "b-pictures"]
    assert frame.shown.dataset.slug == "c-computed"
    text = client.get("/").content.decode()
    assert 'href="/datasets/">All datasets</a>' in text
    assert 'data-dataset="c-computed"' not in text


def test_without_experiments_the_first_that_has_images_is_shown(client: Client, three: None) -> None:
    Dataset.objects.get(slug="c-computed").delete()
    assert shown(client) == "b-pictures"


def test_the_networks_stand_on_the_page_before_any_script_has_run(client: Client, three: None) -> None:
    text = client.get("/").content.decode()
    assert "EfficientNet-Lite0" in text
    assert "2 images · 2 categories" in re.sub(r"</?data[^>]*>", "", text)


def test_only_those_who_may_compute_get_buttons_for_it(
    client: Client, staff_client: Client, three: None
) -> None:
    assert "data-may-compute" not in client.get("/").content.decode()
    assert "data-may-compute" in staff_client.get("/").content.decode()


def test_what_a_dataset_is_stands_above_its_images(client: Client, three: None) -> None:
    Dataset.objects.filter(slug="c-computed").update(description="Cats & dogs")
    text = client.get("/").content.decode()
    assert '<p class="small muted pictures-about" id="pictures-about">Cats &amp; dogs</p>' in text
    assert 'data-about="Cats &amp; dogs"' in text
