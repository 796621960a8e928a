"""Why a hit is similar, in a real browser: by mouse, key and tap, large, and on the exploration page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from gallery.models import Dataset, Image
from tests.support.browser import DATASET

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SHARE = re.compile(r"^This cell: −?\d+\.\d % of the score$")
ORANGE = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, at) => at % 4 === 0 && value > 200 && data[at + 3] > 20).length;
}"""
TOUCH = """(element) => {
  const { left, top, width, height } = element.getBoundingClientRect();
  const at = { pointerType: "touch", isPrimary: true, bubbles: true };
  element.dispatchEvent(new PointerEvent("pointerdown",
    { ...at, clientX: left + width / 2, clientY: top + height / 2 }));
}"""


def over(page: Page, selector: str) -> Any:
    """Return the heat that lies over an image."""
    return page.locator(f"{selector} + .heat canvas")


@pytest.fixture
def phone(chromium: Browser, context: BrowserContext, live_server: Any) -> Iterator[Page]:
    """Return a tab of a phone, which is touched."""
    phone = chromium.new_context(
        base_url=live_server.url, viewport={"width": 375, "height": 667}, has_touch=True, is_mobile=True
    )
    yield phone.new_page()
    phone.close()


def test_a_hit_is_explained_by_mouse_key_and_click(found: Page) -> None:
    hit, query = over(found, ".hit:nth-child(2) .hit-picture img"), over(found, "#query-image")
    button = found.locator("[data-why]").nth(1)
    found.locator(".hit").nth(1).hover()
    with found.expect_response("**/api/v1/search/explanation/**") as asked:
        button.hover()
    answer = asked.value.json()
    assert sum(sum(row) for row in answer["hit_cells"]) == pytest.approx(answer["score"], abs=1e-3)
    expect(hit).to_be_visible()
    expect(query).to_be_visible()
    assert hit.evaluate(ORANGE) > 0
    expect(found.locator("#why")).to_contain_text("Orange cells add to the score")
    expect(found.locator("#why")).to_contain_text("more of the image than it covers")
    # it lies over the image, wherever that is within its frame
    shown = found.locator(".hit:nth-child(2) .hit-picture img").bounding_box()
    heat = found.locator(".hit:nth-child(2) .heat").bounding_box()
    assert shown is not None
    assert heat is not None
    assert shown["x"] - 1 <= heat["x"]
    assert heat["x"] + heat["width"] <= shown["x"] + shown["width"] + 1
    found.mouse.move(2, 2)
    expect(hit).to_have_count(0)
    expect(found.locator("#why")).to_be_hidden()

    found.locator(".hit-picture").nth(1).focus()
    found.keyboard.press("w")
    expect(hit).to_be_visible()
    expect(button).to_have_attribute("aria-pressed", "true")
    found.locator("#query-picture .frame").hover()  # it lies over the query
    expect(found.locator("#why .why-cell")).to_have_text(SHARE)
    found.locator(".hit-picture").nth(1).focus()
    found.keyboard.press("Escape")
    expect(hit).to_have_count(0)

    button.click()
    expect(hit).to_be_visible()
    found.locator("[data-why]").nth(2).click()
    expect(hit).to_have_count(0)
    expect(over(found, ".hit:nth-child(3) .hit-picture img")).to_be_visible()
    # another search takes it away
    found.locator("#k").select_option("20")
    expect(found.locator(".heat")).to_have_count(0)
    expect(found.locator("#why")).to_be_hidden()


def test_a_hit_that_is_shown_large_is_explained_and_its_cells_are_walked_through(
    found: Page, faults_of: Callable[[Page], list[str]]
) -> None:
    found.locator(".hit-picture").first.focus()
    found.keyboard.press(" ")
    found.keyboard.press("w")
    hit, query = over(found, "#lightbox-image"), over(found, "#lightbox-query-image")
    expect(hit).to_be_visible()
    expect(query).to_be_visible()
    cell = found.locator("#lightbox-words .why-cell")
    found.locator("#lightbox-view .heat").focus()
    found.keyboard.press("ArrowRight")
    expect(cell).to_have_text(SHARE)
    expect(found.locator("#lightbox-place")).to_have_text(re.compile("^1 of"))
    found.locator("#lightbox-view").evaluate(TOUCH)
    expect(cell).to_have_text(SHARE)
    assert faults_of(found) == []
    first = hit.element_handle()
    found.locator("#lightbox-close").focus()
    found.keyboard.press("ArrowRight")
    expect(found.locator("#lightbox-place")).to_have_text(re.compile("^2 of"))
    expect(found.locator("#lightbox-words")).to_contain_text("Orange cells")
    assert first is not None
    assert not first.evaluate("(canvas) => canvas.isConnected")
    found.set_viewport_size({"width": 375, "height": 700})
    expect(hit).to_be_visible()
    assert found.evaluate("document.documentElement.scrollWidth") <= 375
    found.keyboard.press("w")
    expect(found.locator("#lightbox .heat")).to_have_count(0)
    expect(found.locator("#lightbox-words")).to_be_hidden()


def test_a_finger_finds_the_buttons_of_a_hit_in_one_row_below_its_picture(
    phone: Page, searchable: Dataset
) -> None:
    phone.goto(f"/live/?image={searchable.images.order_by('pk')[0].pk}")
    hit = phone.locator(".hit").nth(1)
    image, card = hit.locator(".hit-picture").bounding_box(), hit.bounding_box()
    boxes = [button.bounding_box() for button in hit.locator("button").all()]
    assert image is not None
    assert card is not None
    assert len(boxes) == 4  # more like, less like, enlarge, why
    right, top = card["x"], image["y"] + image["height"]
    for box in boxes:
        assert box is not None
        assert box["y"] >= top
        assert box["y"] < top + 20
        assert box["x"] >= right
        assert min(box["width"], box["height"]) >= 36
        right = box["x"] + box["width"]
    assert right <= card["x"] + card["width"]
    hit.locator("[data-why]").tap()
    expect(over(phone, ".hit:nth-child(2) .hit-picture img")).to_be_visible()


def expect_words_beside(page: Page, item: Locator) -> None:
    """Check that the words of a tapped item and its image are seen, neither over the other."""
    words, image = page.locator("#why"), item.locator("img").first
    expect(words.locator(".why-text")).to_contain_text("Orange cells")
    expect(words).to_be_in_viewport(ratio=1)
    expect(image).to_be_in_viewport(ratio=1)
    above, below = image.bounding_box(), words.bounding_box()
    assert above is not None
    assert below is not None
    assert above["y"] + above["height"] <= below["y"]


def test_on_a_phone_the_words_of_a_hit_that_is_tapped_come_into_view(
    phone: Page, searchable: Dataset, faults_of: Callable[[Page], list[str]]
) -> None:
    phone.goto(f"/live/?image={searchable.images.order_by('pk')[0].pk}")
    for place in (0, 5, 9):
        item = phone.locator("#hits > li").nth(place)
        item.locator("[data-why]").tap()
        expect_words_beside(phone, item)
    assert faults_of(phone) == []
    phone.get_by_role("button", name="Close why similar").tap()
    expect(phone.locator("#why")).to_be_hidden()
    expect(phone.locator(".heat")).to_have_count(0)
    expect(phone.locator("#hits [data-why]").nth(9)).to_have_attribute("aria-pressed", "false")
    phone.locator("[data-enlarge]").first.tap()
    phone.get_by_role("button", name="Why similar", exact=True).tap()
    expect(phone.locator("#lightbox-words .why-text")).to_contain_text("Orange cells")
    expect(phone.locator("#lightbox-words")).to_be_in_viewport(ratio=1)


def test_the_words_of_a_neighbour_come_into_view_however_far_down_it_is(
    phone: Page, page: Page, explored: Dataset
) -> None:
    image = Image.objects.filter(category="fruit").order_by("pk")[0]
    page.set_viewport_size({"width": 1280, "height": 500})
    for tab in (phone, page):
        tab.goto(f"/?dataset={DATASET}&model=efficientnet-lite0&layer=stage3&image={image.pk}")
        item = tab.locator("#neighbours > li").last
        item.locator("[data-why]").click()
        expect(tab.locator("#why .why-text")).to_contain_text("Orange cells")
        expect(tab.locator("#why")).to_be_in_viewport(ratio=1)
    expect_words_beside(phone, phone.locator("#neighbours > li").last)


def test_why_it_cannot_be_explained_is_said(found: Page) -> None:
    error = {"error": {"code": "no_map", "detail": "No place has a share of its own."}}
    found.route("**/explanation/**", lambda route: route.fulfill(status=404, body=json.dumps(error)))
    found.locator(".hit-picture").first.focus()
    found.keyboard.press("w")
    expect(found.locator("#why .why-text")).to_have_text("No place has a share of its own.")


def test_neighbours_of_an_experiment_are_explained_by_its_layer_and_distance(
    page: Page, explored: Dataset
) -> None:
    image = Image.objects.filter(category="fruit").first()
    assert image is not None
    page.goto(f"/?dataset={DATASET}&model=efficientnet-lite0&layer=stage3&metric=euclidean&image={image.pk}")
    link = page.locator("#neighbours .neighbour-link").first
    expect(link).to_be_visible()
    link.focus()
    page.keyboard.press("w")
    expect(over(page, "#neighbours li:first-child img")).to_be_visible()
    expect(over(page, "#query-image")).to_be_visible()
    expect(page.locator("#why .why-text")).to_contain_text("they make the distance of")
    page.goto(f"/?dataset={DATASET}&model=colour-histogram&image={image.pk}")
    expect(link).to_be_visible()
    link.focus()
    page.keyboard.press("w")
    expect(page.locator("#why .why-text")).to_contain_text("no place has a share of its own")
