"""What teaches: the strip of explanations, the tour, keys, cards of the networks; and a cold start."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route, expect

from gallery.models import Dataset

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_words_are_explained_with_what_is_on_the_screen_and_stay_open(page: Page, explored: Dataset) -> None:
    image = explored.images.order_by("pk")[0]
    page.goto(f"/?dataset={explored.slug}&image={image.pk}&model=efficientnet-lite0")
    page.get_by_role("button", name="Pooling", exact=True).click()
    panel = page.get_by_role("region", name="How a feature map becomes a vector")
    expect(panel.locator(".poolings strong").first).to_have_text(re.compile(r"^0\.\d\d$"))
    page.get_by_role("button", name="What is a distance?").click()
    expect(panel).to_be_hidden()
    expect(page.locator(".compared tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Convolution", exact=True).click()
    expect(page.locator(".sum strong")).to_have_text(re.compile(r"\d"))
    page.reload()
    expect(page.get_by_role("region", name="What a filter does")).to_be_visible()
    page.get_by_role("button", name="Fold away").locator("visible=true").click()
    page.reload()
    expect(page.locator("#answer-title")).to_be_visible()
    expect(page.locator(".explanation:visible")).to_have_count(0)
    # a page without images takes the first of its dataset
    page.goto(f"/leaderboard/?dataset={explored.slug}")
    page.get_by_role("button", name="Distance", exact=True).click()
    expect(page.locator(".compared tbody tr")).to_have_count(2)


def test_the_tour_leads_through_the_sections_by_keys_and_ends(page: Page, mapped: Dataset) -> None:
    page.set_viewport_size({"width": 375, "height": 720})
    page.goto(f"/?dataset={mapped.slug}")
    page.get_by_role("button", name="Take the tour").click()
    card = page.get_by_role("dialog")
    for step in range(1, 10):
        expect(card).to_contain_text(f"{step} of 10")
        expect(card).to_be_focused()
        box = card.bounding_box()
        assert box
        assert box["height"] < 720 * 0.5
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 375
        page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(f"/live/\\?dataset={mapped.slug}$"))
    expect(card).to_contain_text("10 of 10")
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile("/embeddings/"))
    expect(card).to_contain_text("9 of 10")
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("select the point")


def test_a_network_has_a_card_and_experiments_say_what_they_will_take(
    staff_page: Page, explored: Dataset
) -> None:
    staff_page.goto(f"/networks/?dataset={explored.slug}")
    card = staff_page.locator(".network-card", has_text="ResNet50")
    expect(card.locator(".slab")).to_have_count(9)
    expect(card).to_contain_text("74.9 %")
    expect(card.get_by_role("button", name="Get the weights")).to_be_visible()
    staff_page.get_by_label("EfficientNet-Lite0", exact=True).check()
    expect(staff_page.locator("#estimate")).to_have_text(
        re.compile(r"^8 experiments over 16 images: about .* of disk\.$")
    )
    staff_page.get_by_role("button", name="Compute").click()
    expect(staff_page.locator("#estimate")).to_have_text("All of it is computed already.")


def test_the_tiles_of_a_layer_open_large_by_pointer_and_by_keys(page: Page, live_server: object) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/networks/")
    card = page.locator('.network-card[data-model="efficientnet-lite0"]')
    expect(card.locator("dl")).to_contain_text("Layers142")
    card.get_by_text("Its layers").click()
    page.wait_for_load_state("networkidle")
    assert not [address for address in asked if ".sheet." in address]
    expect(card.locator("tr").nth(0)).to_contain_text(" weights up to it")
    expect(card.locator("tr").nth(7)).to_contain_text("3.4 M weights up to it, 415 k of them since stage7")
    button = card.get_by_role("button", name="Enlarge the tiles of stage3")
    dialog = page.get_by_role("dialog", name="stage3 of EfficientNet-Lite0")
    for opens in (button.click, lambda: button.press("Enter")):
        opens()
        expect(dialog).to_contain_text("Layer 3 of 8 shown here, step ")
        expect(dialog).to_contain_text("9 of its 40 channels, counted from 0")
        expect(dialog.get_by_role("img")).to_have_count(9)
        first = dialog.get_by_role("listitem").first
        expect(first).to_have_text(re.compile(r"^\d+$"))
        image = dialog.get_by_role("img", name=f"What channel {first.inner_text()} of stage3 answers to most")
        expect(image).to_have_attribute("src", re.compile(r"/efficientnet-lite0/stage3\.sheet\..*webp$"))
        cell, drawn = first.locator("div").bounding_box(), image.bounding_box()
        assert cell
        assert drawn
        assert cell["width"] > 120
        assert drawn["width"] == pytest.approx(3 * cell["width"], abs=1)
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(button).to_be_focused()


def test_explore_leads_to_all_layers_of_its_network(page: Page, explored: Dataset) -> None:
    page.goto(f"/?dataset={explored.slug}&model=efficientnet-lite1")
    expect(page.locator("#layers a")).to_have_count(8)
    page.get_by_role("link", name="All its layers, more of its channels").click()
    expect(page).to_have_url(re.compile("/networks/#network-efficientnet-lite1$"))
    card = page.locator(".network-card:target")
    expect(card.get_by_role("heading", name="EfficientNet-Lite1")).to_be_in_viewport()
    card.get_by_text("All 187 layers").click()
    card.get_by_role("link", name="stage3: search with it").click()
    expect(page.locator("#layers a[aria-current]")).to_have_attribute("data-layer", "stage3")
    expect(page).to_have_url(re.compile("model=efficientnet-lite1"))


def test_an_image_of_before_has_no_sheet_and_is_shown_whole_also_if_it_is_opened_early(
    page: Page, live_server: object
) -> None:
    asked: list[Route] = []
    page.route("**/api/v1/models/", lambda route: asked.append(route))
    with page.expect_request("**/api/v1/models/"):
        page.goto("/networks/")
    card = page.locator('.network-card[data-model="efficientnet-lite0"]')
    card.get_by_text("Its layers").click()
    card.get_by_text("All 142 layers").click()
    (held,) = asked
    networks = held.fetch().json()
    for layer in networks[0]["layers"]:
        layer |= {"sheet": None, "painted_channels": None}
    held.fulfill(json=networks)
    expect(card.get_by_role("region", name="All layers of EfficientNet-Lite0")).to_be_visible()
    card.get_by_role("button", name="Enlarge the tiles of top").click()
    dialog = page.get_by_role("dialog", name="top of EfficientNet-Lite0")
    expect(dialog).to_contain_text("4 of its 1,280 channels: ")
    image = dialog.get_by_role("img")
    expect(image).to_have_attribute("src", re.compile(r"/efficientnet-lite0/top\.(?!sheet).*webp$"))
    box = image.bounding_box()
    assert box
    assert box["width"] > 400


def test_all_layers_of_a_network_stand_in_a_box_that_scrolls(
    page: Page, live_server: object, faults_of: Callable[[Page], list[str]]
) -> None:
    page.set_viewport_size({"width": 375, "height": 720})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/networks/")
    page.wait_for_load_state("networkidle")
    assert not [address for address in asked if address.endswith(".json")]
    card = page.locator('.network-card[data-model="efficientnet-lite0"]')
    card.get_by_text("All 142 layers").click()
    box = card.get_by_role("region", name="All layers of EfficientNet-Lite0")
    expect(box.get_by_role("caption")).to_contain_text("142 layers with 3,413,024 weights in all")
    rows = box.locator("tbody tr")
    expect(rows).to_have_count(142)
    expect(rows.nth(2)).to_have_text("3conv_stemConvolution112 × 112 × 32864")
    expect(box.locator("tr[data-stop]")).to_have_count(8)
    expect(rows.nth(141).get_by_role("link", name="top: search with it")).to_have_attribute(
        "href", "/?model=efficientnet-lite0&layer=top"
    )
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    assert faults_of(page) == []
    top = box.locator("thead th").first.bounding_box()
    box.focus()
    page.keyboard.press("End")
    expect(rows.nth(141)).to_be_in_viewport()
    assert box.locator("thead th").first.bounding_box() != top  # the caption scrolled away, the head did not
    expect(box.locator("thead th").first).to_be_in_viewport()


def test_a_cold_start_takes_few_requests_and_bytes(
    context: BrowserContext, complaints: list[str], mapped: Dataset, complete: Callable[[Page], None]
) -> None:
    for address, shown, most in (
        (f"/?dataset={mapped.slug}", "#grid a", 60),
        (f"/embeddings/?dataset={mapped.slug}", "#map[data-layer]", 40),
    ):
        page = context.new_page()
        page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
        asked: list[Request] = []
        page.on("requestfinished", lambda request, asked=asked: asked.append(request))
        page.goto(address)
        expect(page.locator(shown).first).to_be_visible()
        complete(page)
        sizes = [request.sizes() for request in asked]
        taken = sum(one["responseBodySize"] + one["responseHeadersSize"] for one in sizes)
        scripts = [request.url for request in asked if request.resource_type == "script"]
        assert len(scripts) == 2, scripts
        assert (len(asked) < most, taken < 600_000) == (True, True), (address, len(asked), taken)
        page.close()
    assert complaints == []
