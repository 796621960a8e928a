"""A hit, large: opened by click, key and address, stepped through, zoomed, beside the query, and left."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import DATASET, hits

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SWIPE = """(element) => {
  const at = { pointerType: "touch", isPrimary: true, bubbles: true, clientY: 300 };
  element.dispatchEvent(new PointerEvent("pointerdown", { ...at, clientX: 300 }));
  element.dispatchEvent(new PointerEvent("pointerup", { ...at, clientX: 120 }));
}"""


def id_of(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2]


def test_a_hit_is_enlarged_and_back_restores_the_results_without_a_search(found: Page) -> None:
    ids = [id_of(address) for address in hits(found)]
    box, searches = found.locator("#lightbox"), []
    found.on("request", lambda request: searches.append(request.url) if "/search/" in request.url else None)
    found.locator(".hit").nth(1).hover()
    found.locator("[data-enlarge]").nth(1).click()
    expect(box).to_be_visible()
    expect(found).to_have_url(re.compile(f"shown={ids[1]}$"))
    expect(found.locator("#lightbox-place")).to_have_text("2 of 10 results")
    expect(found.locator("#lightbox-facts")).to_contain_text(DATASET)
    expect(found.locator("#lightbox-query-image")).to_be_visible()
    for key, place in (("ArrowRight", 3), ("End", 10), ("ArrowRight", 10), ("Home", 1), ("ArrowRight", 2)):
        found.keyboard.press(key)
        expect(found.locator("#lightbox-place")).to_have_text(f"{place} of 10 results")
    # a button that is of no use any more does not keep the keys
    found.locator("#lightbox-previous").click()
    for key, place in (("ArrowRight", 2), ("ArrowLeft", 1), ("ArrowRight", 2)):
        found.keyboard.press(key)
        expect(found.locator("#lightbox-place")).to_have_text(f"{place} of 10 results")
    found.locator("#lightbox-view").evaluate(SWIPE)
    expect(found).to_have_url(re.compile(f"shown={ids[2]}$"))
    found.go_back()
    expect(box).to_be_hidden()
    expect(found).to_have_url(re.compile(r"/live/\?image=\d+$"))
    expect(found.locator(".hit-picture").nth(2)).to_be_focused()
    found.keyboard.press(" ")
    expect(box).to_be_visible()
    found.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(found).to_have_url(re.compile(r"/live/\?image=\d+$"))
    assert [id_of(address) for address in hits(found)] == ids
    assert searches == []


def test_the_address_opens_a_hit_large_which_can_be_zoomed_and_left_for_elsewhere(
    found: Page, faults_of: Callable[[Page], list[str]]
) -> None:
    third = hits(found)[2]
    found.goto(f"{found.url}&shown={id_of(third)}")
    expect(found.locator("#lightbox-place")).to_have_text("3 of 10 results")
    shown = found.locator("#lightbox-image")
    expect(shown).to_have_js_property("complete", True)
    fitting = shown.evaluate("(image) => image.getBoundingClientRect().width")
    found.keyboard.press("z")
    expect(found.get_by_role("button", name="Zoom")).to_have_attribute("aria-pressed", "true")
    assert shown.evaluate("(image) => image.getBoundingClientRect().width") >= 2 * fitting
    shown.click()
    assert shown.evaluate("(image) => image.getBoundingClientRect().width") == pytest.approx(fitting, abs=2)
    found.keyboard.press("q")
    expect(found.locator("#lightbox-query")).to_be_hidden()
    found.keyboard.press("q")
    found.set_viewport_size({"width": 375, "height": 700})
    assert faults_of(found) == []
    links = found.locator("#lightbox-links")
    for name, address in (("Explore", "/?dataset="), ("Map", "/embeddings/?dataset=")):
        expect(links.get_by_role("link", name=name)).to_have_attribute(
            "href", f"{address}{DATASET}&image={id_of(third)}"
        )
    expect(links.get_by_role("link", name="Download")).to_have_attribute("download", re.compile("."))
    links.get_by_role("link", name="Find similar").click()
    expect(found.locator("#lightbox")).to_be_hidden()
    expect(found).to_have_url(re.compile(rf"/live/\?image={id_of(third)}$"))
    expect(found.locator(f'.hit-picture[href="{third}"]')).to_have_count(0)
