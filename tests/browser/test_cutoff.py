"""The line through the results of live search: what is folded, moved, restored by the address, and said."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from django.db.models import F
from playwright.sync_api import Page, expect

from gallery.models import Dataset
from search.index.calibration import SHARES, Calibration, Curve
from search.models import ScoreCalibration, SearchIndex

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def calibrate(dataset: Dataset, most: float = 1.0, *, labelled: bool = True) -> None:
    """Let scores from -1 to 1 mean probabilities from 0 to `most`."""
    curve = Curve(np.array([-1.0, 1.0]), np.array([0.0, most]))
    known: dict[str, Any] = {
        "unknown": None,
        "curve": curve,
        "method": "logistic",
        "error": 0.021,
        "queries": 200,
    }
    meaning = Calibration(np.linspace(-1, 1, len(SHARES)), **(known if labelled else {}))
    index = SearchIndex.objects.get(dataset=dataset)
    ScoreCalibration.objects.update_or_create(
        index=index,
        defaults={"values": meaning.as_values(), "embeddings": 16, "labelled": 16, "seconds": 0},
    )
    SearchIndex.objects.update(revision=F("revision") + 1)


def opened(page: Page, address: str) -> list[dict[str, Any]]:
    """Open a search, and return its hits as they were answered."""
    with page.expect_response("**/api/v1/search/") as answer:
        page.goto(address)
    expect(page.locator("#results")).to_be_visible()
    found: list[dict[str, Any]] = answer.value.json()["hits"]
    return found


def expect_divided(page: Page, hits: list[dict[str, Any]], at: float, mode: str = "probability") -> None:
    """Check which hits are above the line and which below."""
    below = sum(hit[mode] < at for hit in hits)
    expect(page.locator("#hits > .hit")).to_have_count(len(hits) - below)
    expect(page.locator("#hits-below > .hit")).to_have_count(below)


def test_what_is_below_the_line_is_folded_and_the_address_restores_the_line(
    page: Page, searchable: Dataset
) -> None:
    calibrate(searchable)
    image = searchable.images.order_by("pk")[0]
    hits = opened(page, f"/live/?image={image.pk}")
    below = sum(hit["probability"] < 0.5 for hit in hits)
    assert 0 < below < len(hits)
    expect_divided(page, hits, 0.5)
    expect(page.locator("#line")).to_have_text("Probably the same above here")
    expect(page.locator("#cutoff-note")).to_have_text(
        "Learned from 200 labelled images; off by 2.1 points on average."
    )
    expect(page.locator("#status")).to_contain_text("folded")
    expect(page.locator("#hits-below")).to_be_hidden()
    fold = page.locator("#fold")
    expect(fold).to_have_text(re.compile(rf"^Show {below} less likely results?$"))
    fold.click()
    expect(page.locator("#hits-below")).to_be_visible()
    expect(fold).to_have_attribute("aria-expanded", "true")

    slider = page.get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuetext", "Probably the same")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"cutoff=0\.6$"))
    expect_divided(page, hits, 0.6)
    expect(slider).to_have_attribute("aria-valuetext", "The same with at least 60 %")
    expect(slider).to_be_focused()

    page.reload()
    expect_divided(page, hits, 0.6)
    expect(page.locator("#cutoff-value")).to_have_text("60 %")
    page.go_back()
    page.go_back()
    expect(page).to_have_url(re.compile(rf"image={image.pk}$"))
    expect_divided(page, hits, 0.5)
    page.goto(f"/live/?image={image.pk}&cutoff=0")
    expect_divided(page, hits, 0)
    expect(page.locator("#below")).to_be_hidden()


def test_more_results_come_where_they_belong(page: Page, searchable: Dataset) -> None:
    calibrate(searchable)
    image = searchable.images.order_by("pk")[0]
    first = opened(page, f"/live/?image={image.pk}")
    with page.expect_response("**/api/v1/search/") as answer:
        page.get_by_role("button", name="Show more").click()
    expect_divided(page, first + answer.value.json()["hits"], 0.5)
    expect(page.locator("#fold")).to_be_focused()


def test_nothing_close_is_said_and_what_there_is_shown(page: Page, searchable: Dataset) -> None:
    calibrate(searchable, most=0.15)
    image = searchable.images.order_by("pk")[0]
    hits = opened(page, f"/live/?image={image.pk}")
    expect(page.locator("#nothing-close")).to_have_text(re.compile(r"^Nothing close: .* of 1\d % only\.$"))
    expect_divided(page, hits, 0.5)
    expect(page.locator("#hits-below")).to_be_visible()
    page.locator("#hits-below [data-why]").first.click()
    expect(page.locator("#hits-below .hit:first-child .heat canvas")).to_be_visible()


def test_without_labels_the_line_is_a_percentile_and_steered_there_is_none(
    page: Page, searchable: Dataset
) -> None:
    calibrate(searchable, labelled=False)
    first, second = searchable.images.order_by("pk")[:2]
    hits = opened(page, f"/live/?image={first.pk}")
    expect_divided(page, hits, 0, "percentile")
    expect(page.locator("#cutoff-note")).to_contain_text("Without labels nobody knows")
    opened(page, f"/live/?image={first.pk}&cutoff=p0.9")
    expect_divided(page, hits, 0.9, "percentile")
    expect(page.locator("#line")).to_have_text("Nearer than 90 % of random pairs above here")
    steered = opened(page, f"/live/?image={first.pk}&like={second.pk}")
    expect(page.locator("#hits > .hit")).to_have_count(len(steered))
    expect(page.locator("#cutoff-field")).to_be_hidden()
    expect(page.locator("#cutoff-note")).to_contain_text("steered by examples")
