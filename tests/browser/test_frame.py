"""A frame on the query: drawn, moved and resized by mouse, keys and touch; kept in the address, undone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
from playwright.sync_api import Page, expect

from gallery import jobs
from gallery.models import Dataset
from search import job_kinds
from tests.support.browser import asked, drop, expect_first_hit, unseen

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AREA = "#query-picture .frame"
HELD = "#query-picture .frame-held"


def box(page: Page) -> list[float]:
    """Return the box that the address says."""
    return [float(share) for share in asked(page)["box"].split(",")]


def at(page: Page, share: Sequence[float]) -> tuple[float, float]:
    """Return where a place of the framed image is on the screen."""
    area = page.locator(AREA).bounding_box()
    assert area is not None
    return area["x"] + share[0] * area["width"], area["y"] + share[1] * area["height"]


def drag(page: Page, begin: Sequence[float], end: Sequence[float]) -> None:
    """Drag with the mouse from one place of the image to another."""
    page.mouse.move(*at(page, begin))
    page.mouse.down()
    page.mouse.move(*at(page, [(begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2]))
    page.mouse.move(*at(page, end))
    page.mouse.up()


def touch(page: Page, begin: Sequence[float], end: Sequence[float]) -> None:
    """Drag with a finger."""
    session = page.context.new_cdp_session(page)
    for kind, share in (("touchStart", begin), ("touchMove", end), ("touchEnd", None)):
        points = [] if share is None else [dict(zip("xy", at(page, share), strict=True))]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.detach()


def expect_box(page: Page, *shares: float) -> None:
    """Wait until the address says a box, about."""
    page.wait_for_url(lambda address: "box=" in address)
    page.wait_for_function(
        """(shares) => {
          const box = new URLSearchParams(location.search).get("box")?.split(",").map(Number) ?? [];
          return shares.every((share, n) => Math.abs(share - box[n]) < 0.03);
        }""",
        arg=list(shares),
    )
    expect(page.locator("#spinner")).to_be_hidden()
    held = page.locator(HELD)
    left = held.evaluate("(frame) => parseFloat(frame.style.left)")
    assert left == pytest.approx(100 * shares[0], abs=3)


@pytest.fixture
def found(found: Page) -> Page:
    """Return the tab with what is like an image, whose query can be framed."""
    page = found
    expect(page.locator(AREA)).to_be_visible()
    expect(page.locator("#query-image")).to_have_js_property("complete", True)
    return page


def test_a_frame_is_used_by_mouse_keys_and_touch_and_the_address_keeps_it(
    found: Page, faults_of: Callable[[Page], list[str]]
) -> None:
    held = found.locator(HELD)
    assert "box" not in asked(found)
    expect(held).to_have_accessible_name(re.compile("^Search with the whole image"))
    drag(found, (0.1, 0.1), (0.6, 0.7))
    expect_box(found, 0.1, 0.1, 0.6, 0.7)
    expect(held).to_have_accessible_name(re.compile("^Search with 50 by 60 %, from 10 % left"))
    drag(found, (0.3, 0.3), (0.5, 0.4))
    expect_box(found, 0.3, 0.2, 0.8, 0.8)
    drag(found, (0.8, 0.8), (0.95, 0.6))
    expect_box(found, 0.3, 0.2, 0.95, 0.6)
    drag(found, (0.1, 0.9), (0.25, 0.65))  # outside of it another one is drawn
    expect_box(found, 0.1, 0.65, 0.25, 0.9)
    found.go_back()
    expect_box(found, 0.3, 0.2, 0.95, 0.6)
    found.reload()
    expect(found.locator(".hit").first).to_be_visible()
    expect_box(found, 0.3, 0.2, 0.95, 0.6)

    held.focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown", "Shift+ArrowLeft"):
        found.keyboard.press(key)
    expect_box(found, 0.26, 0.22, 0.89, 0.62)
    found.keyboard.press("Escape")
    found.wait_for_url(lambda address: "box=" not in address)
    expect(held).to_have_accessible_name(re.compile("^Search with the whole image"))
    expect(held).to_be_focused()
    found.go_back()
    expect_box(found, 0.26, 0.22, 0.89, 0.62)
    found.get_by_role("button", name="Whole image").click()
    found.wait_for_url(lambda address: "box=" not in address)

    touch(found, (0.5, 0.5), (0.2, 0.5))  # a finger scrolls where nothing is to be held
    assert "box" not in asked(found)
    touch(found, (0.99, 0.99), (0.6, 0.5))
    expect_box(found, 0, 0, 0.6, 0.5)
    touch(found, (0.3, 0.25), (0.6, 0.6))
    expect_box(found, 0.3, 0.35, 0.9, 0.85)
    assert faults_of(found) == []
    found.set_viewport_size({"width": 375, "height": 700})
    assert found.evaluate("document.documentElement.scrollWidth") <= 375
    area, image = (found.locator(name).bounding_box() for name in (AREA, "#query-image"))
    assert area is not None
    assert image is not None
    assert image["x"] - 1 <= area["x"] <= area["x"] + area["width"] <= image["x"] + image["width"] + 1
    # another query has no frame
    found.locator(".hit").first.get_by_role("link", name=re.compile("Find similar")).click()
    found.wait_for_url(lambda address: "box=" not in address)


def test_a_part_of_a_hit_and_of_an_upload_is_searched_with(found: Page) -> None:
    number = found.locator("[data-enlarge]").nth(1).get_attribute("data-enlarge")
    found.locator(".hit-picture").nth(1).press(" ")
    expect(found.locator("#lightbox-image")).to_have_js_property("complete", True)
    found.keyboard.press("p")
    held = found.locator("#lightbox .frame-held")
    expect(held).to_be_focused()
    found.keyboard.press("ArrowRight")
    expect(found.locator("#lightbox-place")).to_contain_text("2 of")
    found.get_by_role("button", name="Search this part").click()
    found.wait_for_url(lambda address: "box=" in address)
    assert asked(found)["image"] == number
    assert box(found) == [0.22, 0.2, 0.82, 0.8]
    expect(found.locator("#lightbox")).to_be_hidden()
    expect(found.locator(".hit").first).to_be_visible()

    drop(found, unseen("birds"))
    expect_first_hit(found, "birds")
    drag(found, (0.2, 0.2), (0.8, 0.9))
    expect_box(found, 0.2, 0.2, 0.8, 0.9)
    assert "upload" in asked(found)


def test_hits_show_where_they_match_once_parts_are_indexed(found: Page, searchable: Dataset) -> None:
    jobs.perform_now(job_kinds.PARTS, searchable)
    found.goto(f"{found.url}&dataset={searchable.slug}")
    expect(found.locator(".hit").first).to_be_visible()
    drag(found, (0.1, 0.1), (0.55, 0.55))
    expect_box(found, 0.1, 0.1, 0.55, 0.55)
    boxes = found.evaluate(
        """async (address) => {
          const box = new URLSearchParams(location.search).get("box").split(",").map(Number);
          const image = Number(new URLSearchParams(location.search).get("image"));
          const body = JSON.stringify({ like: [{ image, box }], datasets: ["mine"], k: 10 });
          const headers = { "Content-Type": "application/json" };
          const answer = await (await fetch(address, { method: "POST", body, headers })).json();
          return answer.hits.map((hit) => hit.box);
        }""",
        "/api/v1/search/",
    )
    expect(found.locator(".hit .match")).to_have_count(len([one for one in boxes if one]))
    assert any(boxes)
    found.locator(".hit:has(.match)").first.locator(".hit-picture").press(" ")
    expect(found.locator("#lightbox-view .match")).to_be_visible()
    expect(found.locator("#lightbox-query .match")).to_be_visible()
    expect(found.locator("#lightbox-facts")).to_contain_text("Matches in")


def test_the_page_of_a_dataset_says_what_parts_take_and_has_them_indexed(
    staff_page: Page, searchable: Dataset
) -> None:
    page = staff_page
    page.goto(f"/datasets/{searchable.slug}/")
    words = page.locator("#parts-words")
    expect(words).to_contain_text("128 more vectors")
    page.get_by_role("button", name="Index parts").click()
    page.wait_for_url(re.compile("/jobs/"))
    jobs.perform_now(job_kinds.PARTS, searchable)
    page.goto(f"/datasets/{searchable.slug}/")
    expect(words).to_contain_text("16 of 16 images have their parts indexed")
    expect(page.get_by_role("button", name="Index")).to_be_hidden()
    expect(page.get_by_role("button", name="Forget parts")).to_be_visible()
