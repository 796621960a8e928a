"""Free text on the page of live search, where a model that reads it is live."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from gallery.models import Dataset
from search.extractors.networks import registry
from search.features import feature_specs
from search.features.library import model_library
from tests.support.text_models import coloured_dataset, toy_model

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def coloured(live_server: Any, tmp_path: Path) -> Iterator[Dataset]:
    """Return a dataset of plain images in which the toy model is live."""
    registry.install((), settings.CACHE_ROOT / "models", None, settings.MODELS_ROOT)
    model_library.add(toy_model(tmp_path / "brought"))
    yield coloured_dataset(tmp_path, "colours", live=True)
    shutil.rmtree(settings.MODELS_ROOT, ignore_errors=True)


def names(page: Page) -> list[str]:
    return [
        Path(str(title)).name
        for title in page.locator("#hits .hit-label").evaluate_all("s => s.map(x => x.title)")
    ]


def test_the_field_of_words_takes_free_text_and_says_who_answers(
    page: Page, coloured: Dataset, faults_of: Callable[[Page], list[str]]
) -> None:
    page.goto("/live/")
    field = page.get_by_label("Free text by Toy of colours")
    field.fill("a photo of red")
    field.press("Enter")
    expect(page.locator("#results-title")).to_have_text("Images of “a photo of red”")
    expect(page.locator("#word-notes")).to_contain_text("Ranked by Toy of colours (CC0-1.0)")
    expect(page.locator("#summary")).to_contain_text("Searched 7 images")
    assert names(page)[:2] == ["0.png", "1.png"]
    # a text has no image beside which hits could stand, and no cells
    expect(page.locator("#hits .judge:not(.enlarge)")).to_have_count(0)
    expect(page.locator("#cutoff")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"\?text=a\+photo\+of\+red$"))
    assert faults_of(page) == []

    page.reload()
    expect(page.locator("#text-list")).to_contain_text("a photo of red")
    page.set_viewport_size({"width": 375, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.locator("#hits .hit").nth(3).get_by_role("link", name="Find similar").click()
    expect(page.locator("#results-title")).to_have_text("Nearest images")
    expect(page.locator("#text-list li")).to_have_count(0)
    page.go_back()
    expect(page.locator("#results-title")).to_have_text("Images of “a photo of red”")
    page.get_by_role("button", name="Remove the text").click()
    expect(page.locator("#start")).to_be_visible()


def test_words_stay_a_switch_away_and_are_all_where_no_model_reads_text(
    page: Page, coloured: Dataset, tmp_path: Path
) -> None:
    feature_specs.live_index(coloured_dataset(tmp_path, "plain", live=False))
    page.goto("/live/?dataset=colours")
    page.get_by_role("radio", name="Words").check()
    field = page.get_by_label("Words", exact=True).and_(page.locator("#word"))
    field.fill("warm")
    field.press("Enter")
    expect(page.locator("#word-list")).to_contain_text("warm")
    expect(page.locator("#hits .hit-matched").first).to_have_text("labelled")
    page.goto("/live/?text=red&dataset=plain")
    expect(page.locator("#typed-as")).to_be_hidden()
    expect(page.locator("#word-label")).to_have_text("Words")
    expect(page.locator("#word-notes")).to_contain_text("No model that reads text is live here")
    expect(page.locator("#summary")).to_have_text("Nothing was searched.")
