"""The comparison in a browser: both lists are the API's, what both found is joined, all is in the address."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from gallery.models import Dataset, Image
from search.models import Experiment
from tests.support.browser import DATASET, asked

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

BOTH = {
    "model": "efficientnet-lite0", "layer": "top", "pooling": "average", "metric": "cosine",
    "b_model": "colour-histogram", "b_layer": "histogram", "b_pooling": "average", "b_metric": "cosine",
}  # fmt: skip


def compare(page: Page, **changes: Any) -> None:
    """Open the comparison of the network's last layer with the colour histogram."""
    asked_for = BOTH | {"image": str(Image.objects.filter(category="coins").earliest("pk").pk)} | changes
    page.goto("/compare/?" + "&".join(f"{name}={value}" for name, value in asked_for.items()))
    expect(page.locator(".ranked li")).to_have_count(20)


def listed(page: Page, side: str) -> list[int]:
    """Return the ids of the pictures of one side, in order."""
    ids: list[int] = page.locator(f'.ranked[data-side="{side}"] li').evaluate_all(
        "items => items.map(item => Number(item.dataset.image))"
    )
    return ids


def served(client: Client, model: str, layer: str, image: int) -> list[dict[str, Any]]:
    """Return what the API says a picture finds."""
    experiment = Experiment.objects.get(spec__model=model, spec__layer=layer, metric="cosine")
    answer = client.get(f"/api/v1/experiments/{experiment.pk}/neighbours/", {"image": image})
    found: list[dict[str, Any]] = answer.json()["neighbours"]
    return found


def test_both_lists_are_those_of_the_api_and_what_both_found_is_joined(
    page: Page, explored: Dataset, client: Client
) -> None:
    compare(page)
    image = int(asked(page)["image"])
    a = served(client, "efficientnet-lite0", "top", image)
    b = served(client, "colour-histogram", "histogram", image)
    assert listed(page, "a") == [hit["id"] for hit in a]
    assert listed(page, "b") == [hit["id"] for hit in b]
    for side, hits in (("a", a), ("b", b)):
        marks = page.locator(f'.ranked[data-side="{side}"] .mark').evaluate_all(
            "all => all.map(one => one.dataset.right)"
        )
        assert marks == [json.dumps(hit["relevant"]) for hit in hits]
    both = {hit["id"] for hit in a} & {hit["id"] for hit in b}
    expect(page.locator("#overlap")).to_contain_text(f"{len(both)}of 10")
    expect(page.locator("#links path")).to_have_count(len(both))
    expect(page.locator('.ranked[data-side="a"] .alone')).to_have_count(10 - len(both))
    shared = next(hit for hit in a if hit["id"] in both)
    page.locator(f'.ranked[data-side="a"] li[data-image="{shared["id"]}"] a').hover()
    expect(page.locator(f'[data-lit][data-image="{shared["id"]}"]')).to_have_count(3)


def test_the_default_is_the_best_and_the_best_beside_it(
    page: Page, explored: Dataset, client: Client
) -> None:
    # scores that all differ, since a small dataset has ties
    for place, experiment in enumerate(Experiment.objects.filter(metric="cosine").order_by("pk")):
        Experiment.objects.filter(pk=experiment.pk).update(weighted_precision=0.5 + place / 100)
    Experiment.objects.exclude(metric="cosine").update(weighted_precision=0.99)
    page.goto("/compare/")
    expect(page.locator(".ranked li")).to_have_count(20)
    answer = client.get("/api/v1/experiments/leaderboard/", {"dataset": DATASET, "metric": "cosine"})
    first, second = answer.json()["rows"][:2]
    for name in ("model", "layer", "pooling", "metric"):
        assert (asked(page)[name], asked(page)[f"b_{name}"]) == (first[name], second[name])


def test_a_side_changes_in_place_sides_swap_and_the_address_restores_all(
    page: Page, explored: Dataset
) -> None:
    compare(page)
    page.evaluate("window.kept = true")
    before = listed(page, "a")
    right = page.locator('.side-choice[data-side="b"]')
    right.get_by_label("Network").select_option("efficientnet-lite0")
    right.get_by_label("Layer").select_option("stem")
    expect(page.locator('.side-head[data-side="b"]')).to_contain_text("stem")
    assert listed(page, "a") == before
    other = listed(page, "b")
    page.get_by_role("button", name="Swap").click()
    expect(page.locator('.side-head[data-side="a"]')).to_contain_text("stem")
    assert (listed(page, "a"), listed(page, "b")) == (other, before)
    assert page.evaluate("window.kept") is True
    page.reload()
    expect(page.locator(".ranked li")).to_have_count(20)
    assert (listed(page, "a"), listed(page, "b")) == (other, before)
    page.go_back()
    expect(page.locator('.side-head[data-side="b"]')).to_contain_text("stem")
    assert (listed(page, "a"), listed(page, "b")) == (before, other)


def test_arrow_keys_walk_the_images_and_a_result_becomes_the_query(page: Page, explored: Dataset) -> None:
    page.goto("/compare/")
    strip = page.locator("#strip a")
    expect(strip).to_have_count(16)
    expect(strip.nth(0)).to_have_attribute("aria-current", "true")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(strip.nth(2)).to_have_attribute("aria-current", "true")
    page.keyboard.press("ArrowLeft")
    expect(strip.nth(1)).to_have_attribute("aria-current", "true")
    assert asked(page)["image"] == strip.nth(1).get_attribute("data-image")
    # a select keeps its own arrow keys
    page.locator('.side-choice[data-side="a"] select').first.focus()
    page.keyboard.press("ArrowRight")
    expect(strip.nth(1)).to_have_attribute("aria-current", "true")
    result = page.locator('.ranked[data-side="b"] a').nth(3)
    image = result.get_attribute("data-image")
    result.click()
    expect(page.locator("#query")).to_have_attribute("data-image", str(image))
    assert asked(page)["image"] == image
