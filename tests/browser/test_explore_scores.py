"""How all images score on Explore: one by one, and how that is distributed with each layer."""

from __future__ import annotations

import re
from collections.abc import Callable
from statistics import mean, median

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from search.models import Experiment
from tests.support.axe import OVER_THE_EDGE
from tests.support.browser import LAYERS, asked
from tests.support.rounding import rounded

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_score_of_every_image_is_seen_by_pointer_and_keyboard(explore: Page, client: Client) -> None:
    explore.locator('a[data-layer="stem"]').click()
    row = Experiment.objects.get(spec__model="efficientnet-lite0", spec__layer="stem", metric="cosine")
    listed = client.get(f"/api/v1/experiments/{row.pk}/image-scores/").json()["images"]
    explore.locator("#spread > summary").click()
    expect(explore.locator(".spread-chart rect")).to_have_count(16)
    card = explore.locator(".spread-card")
    expect(card).to_contain_text("16 of 16")
    slider = explore.get_by_role("slider", name="Image, from the best to the worst")
    slider.press("ArrowLeft")
    expect(card).to_contain_text(listed[14]["filename"])
    expect(card).to_contain_text(f"15 of 16, {rounded(100 * listed[14]['weighted_precision'])} %")
    chart = explore.locator(".spread-chart svg")
    box = chart.bounding_box()
    assert box
    chart.hover(position={"x": 2.5 / 16 * box["width"], "y": 30})
    expect(card).to_contain_text(listed[2]["filename"])
    card.get_by_role("link", name="Search with it").click()
    expect(explore.locator("#neighbours li")).to_have_count(10)
    assert asked(explore)["image"] == str(listed[2]["id"])


def test_the_scores_of_all_images_are_drawn_for_every_layer_side_by_side(
    explore: Page, client: Client, faults_of: Callable[[Page], list[str]]
) -> None:
    rows = Experiment.objects.filter(spec__model="efficientnet-lite0", metric="cosine")
    rows.get(spec__layer="stage4").delete()
    explore.reload()
    asked_for: list[str] = []
    explore.on("request", lambda request: asked_for.append(request.url))
    explore.locator("#spread > summary").click()
    strips = explore.locator("#distributions-list > li")
    expect(strips).to_have_count(8)
    for place, layer in enumerate(LAYERS):
        if layer == "stage4":
            expect(strips.nth(place)).to_have_text("stage4: not computedstage4")
            expect(strips.nth(place).locator("a")).to_have_count(0)
            continue
        listed = client.get(f"/api/v1/experiments/{rows.get(spec__layer=layer).pk}/image-scores/").json()
        scores = [image["weighted_precision"] for image in listed["images"]]
        middle = (
            f"median {rounded(100 * median(scores))} %, mean {rounded(100 * mean(scores))} % of 16 images"
        )
        link = explore.get_by_role("link", name=f"{layer}: {middle}")
        expect(link).to_have_attribute("title", re.compile(f"^{layer}: {middle}; "))
        expect(link.locator("rect")).to_have_count(11)
    assert len([url for url in asked_for if "score-distributions" in url]) == 1
    # the keyboard and a tap choose a layer; what is drawn stays, with the focus
    chosen = explore.locator("#distributions-list a[aria-current]")
    expect(chosen).to_have_attribute("data-layer", "top")
    explore.locator('#distributions-list a[data-layer="stage6"]').press("Enter")
    expect(chosen).to_have_attribute("data-layer", "stage6")
    expect(chosen).to_be_focused()
    assert asked(explore)["layer"] == "stage6"
    expect(explore.locator("#distributions-chosen")).to_contain_text("stage6: median")
    expect(explore.locator("#spread-of")).to_contain_text("stage6")
    explore.set_viewport_size({"width": 375, "height": 800})
    explore.locator('#distributions-list a[data-layer="stage2"]').click()
    expect(chosen).to_have_attribute("data-layer", "stage2")
    assert explore.evaluate(OVER_THE_EDGE) == 0
    assert len([url for url in asked_for if "score-distributions" in url]) == 1
    for theme in ("light", "dark"):
        explore.emulate_media(color_scheme=theme, reduced_motion="reduce")
        assert faults_of(explore) == []
