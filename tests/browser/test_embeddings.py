"""The map of a dataset in a browser: hover, select, play, filter, find, and come back by the address."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from playwright.sync_api import Browser, BrowserContext, Page, expect

from gallery.models import Dataset, Image, Job
from search import job_kinds
from search.maps import files as map_files
from search.models import Projection
from tests.support.browser import CATEGORIES, LAYERS, asked
from tests.support.rounding import rounded

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MODEL = "efficientnet-lite0"
Points = NDArray[np.float64]


@pytest.fixture
def tab(page: Page, mapped: Dataset) -> Page:
    """Return a tab with the map of the last layer."""
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto("/embeddings/")
    settled(page)
    return page


def settled(page: Page, layer: str = "top") -> None:
    """Wait until the points of a layer are in their places."""
    expect(page.locator("#map")).to_have_attribute("data-layer", layer)
    expect(page.locator("#in-view")).to_contain_text("of 16 images")


def places(layer: str = "top") -> tuple[list[int], Points]:
    """Return the ids of the pictures and their places on the map of a layer."""
    stored_map = map_files.read(Projection.objects.get(spec__layer=layer))
    return stored_map.ids.tolist(), stored_map.points.astype(np.float64)


def spots(page: Page, points: Points, view: tuple[float, float, float] | None = None) -> Points:
    """Return where places of the map are in the window, (n, 2); no view shows everything."""
    box = page.locator("#map").bounding_box()
    assert box is not None
    # the box has a border of one pixel; everything is shown with 24 pixels around
    size = np.array([box["width"] - 2, box["height"] - 2])
    low, high = points.min(axis=0), points.max(axis=0)
    scale = float(((size - 48) / (high - low)).min())
    middle = (low + high) / 2
    if view is not None:
        middle, scale = np.array(view[:2]), scale * view[2]
    corner = np.array([box["x"] + 1, box["y"] + 1])
    return np.asarray(corner + size / 2 + (points - middle) * [scale, -scale], dtype=np.float64)


def lonely(shown: Points) -> list[int]:
    """Return the points that have no other within 6 pixels: of several the nearest is meant."""
    apart = np.hypot(*(shown[:, None] - shown[None]).transpose(2, 0, 1))
    np.fill_diagonal(apart, math.inf)
    return [int(index) for index in np.flatnonzero(apart.min(axis=1) > 6)]


def listed(page: Page) -> list[int]:
    """Return the ids of the selected pictures that are listed, page after page."""
    found: list[int] = []
    while True:
        expect(page.locator("#selection .paged")).not_to_have_attribute("aria-busy", "true")
        buttons = page.locator("#selection .paged button")
        found += buttons.evaluate_all("all => all.map(one => Number(one.dataset.image))")
        following = page.get_by_role("button", name="Next", exact=True)
        if not following.count() or following.is_disabled():
            return found
        following.click()


def test_hovering_shows_the_image_whose_point_it_is(tab: Page) -> None:
    ids, points = places()
    shown = spots(tab, points)
    chosen = lonely(shown)
    assert len(chosen) >= 4
    for index in chosen:
        tab.mouse.move(*shown[index])
        card = tab.locator("#card")
        expect(card).to_have_attribute("data-image", str(ids[index]))
        image = Image.objects.get(pk=ids[index])
        expect(card).to_contain_text(image.filename)
        expect(card.locator("strong")).to_have_text(image.category)
        source = card.locator("img").get_attribute("src") or ""
        assert source.endswith(image.thumbnail.url)
    tab.mouse.move(2, 2)
    expect(tab.locator("#card")).to_be_hidden()


def test_the_lasso_selects_exactly_the_points_inside(tab: Page, tmp_path: Path) -> None:
    ids, points = places()
    shown = spots(tab, points)
    cut = float(np.median(shown[:, 0]))
    left, top = shown.min(axis=0) - 12
    bottom = shown[:, 1].max() + 12
    tab.get_by_role("button", name="Drag selects with a lasso").click()
    tab.mouse.move(left, top)
    tab.mouse.down()
    for corner in ((cut, top), (cut, bottom), (left, bottom)):
        tab.mouse.move(*corner, steps=4)
    tab.mouse.up()
    inside = [pk for pk, (x, _) in zip(ids, shown, strict=True) if x < cut]
    assert 4 < len(inside) < 12
    expect(tab.locator("#selection-title")).to_have_text(f"{len(inside)} images selected")
    assert listed(tab) == inside
    tab.reload()
    settled(tab)
    expect(tab.locator("#selection-title")).to_have_text(f"{len(inside)} images selected")
    assert listed(tab) == inside
    counted = tab.locator("#selection .counts li").evaluate_all(
        "all => all.map(one => [one.querySelector('.legend-name').textContent, +one.lastChild.textContent])"
    )
    labels = [Image.objects.get(pk=pk).category for pk in inside]
    assert dict(counted) == {label: labels.count(label) for label in set(labels)}
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Export CSV").click()
    download.value.save_as(tmp_path / "selection.csv")
    rows = list(csv.DictReader((tmp_path / "selection.csv").open()))
    assert [int(row["id"]) for row in rows] == inside
    assert [row["label"] for row in rows] == labels
    where = points[[ids.index(pk) for pk in inside]]
    assert np.array([[float(row["x"]), float(row["y"])] for row in rows]) == pytest.approx(where, abs=1e-3)
    tab.get_by_role("button", name="Clear the selection").click()
    expect(tab.locator("#selection")).to_be_hidden()


def test_play_visits_the_eight_layers(tab: Page) -> None:
    tab.locator("#speed").select_option("4")
    tab.evaluate(
        """() => {
          window.visited = [];
          const map = document.getElementById("map");
          const noted = () => window.visited.push(map.dataset.layer);
          new MutationObserver(noted).observe(map, { attributeFilter: ["data-layer"] });
        }"""
    )
    tab.get_by_role("button", name="Play through the layers").click()
    tab.wait_for_function("() => window.visited.length >= 8", timeout=30_000)
    tab.get_by_role("button", name="Pause").click()
    visited = tab.evaluate("window.visited")
    assert visited[:8] == LAYERS
    position = LAYERS.index(asked(tab)["layer"]) + 1
    expect(tab.locator("#layer-words")).to_have_text(f"layer {position} of 8: {LAYERS[position - 1]}")


def test_stepping_shows_the_points_and_the_numbers_of_that_layer(tab: Page) -> None:
    tab.get_by_role("button", name="Previous layer").click()
    settled(tab, "stage7")
    row = Projection.objects.get(spec__layer="stage7")
    expect(tab.locator('[data-figure="trustworthiness"] strong')).to_have_text(
        rounded(row.trustworthiness, 2)
    )
    weighted = tab.locator('[data-figure="weighted_separation"] strong')
    assert row.weighted_separation is not None
    expect(weighted).to_have_text(rounded(row.weighted_separation, 2))
    first, last = (Projection.objects.get(spec__layer=name).weighted_separation for name in ("stem", "top"))
    assert first is not None
    assert last is not None
    expect(tab.locator("#figures-words")).to_contain_text(f"from {rounded(first, 2)} to {rounded(last, 2)}")
    ids, points = places("stage7")
    shown = spots(tab, points)
    index = lonely(shown)[0]
    tab.mouse.move(*shown[index])
    expect(tab.locator("#card")).to_have_attribute("data-image", str(ids[index]))


def test_the_legend_counts_and_filters(tab: Page) -> None:
    lines = tab.locator("#legend .legend-line")
    expect(lines).to_have_count(len(CATEGORIES))
    for line in lines.all():
        expect(line).to_contain_text("4")
    tab.get_by_role("button", name="coins 4").click()
    expect(tab.locator("#in-view")).to_have_text("4 of 16 images in view.")
    assert asked(tab)["only"] == "coins"
    ids, points = places()
    shown = spots(tab, points)
    labels = {image.pk: image.category for image in Image.objects.all()}
    index = next(index for index in lonely(shown) if labels[ids[index]] != "coins")
    tab.mouse.move(*shown[index])
    expect(tab.locator("#card")).to_be_hidden()
    tab.locator("#listing > summary").click()
    entries = tab.locator("#listing .paged button")
    expect(entries).to_have_count(4)
    found = entries.evaluate_all("all => all.map(one => Number(one.dataset.image))")
    assert {labels[pk] for pk in found} == {"coins"}
    tab.get_by_role("button", name="birds 4").click()
    expect(tab.locator("#in-view")).to_contain_text("8 of 16")
    tab.get_by_role("button", name="Show all").click()
    expect(tab.locator("#in-view")).to_contain_text("16 of 16")


def test_an_opened_image_lists_its_neighbours_in_the_full_space(tab: Page, client: Any) -> None:
    ids, points = places()
    shown = spots(tab, points)
    index = lonely(shown)[0]
    tab.mouse.click(*shown[index])
    expect(tab.locator("#picture")).to_have_attribute("data-image", str(ids[index]))
    expect(tab.locator("#picture-title")).to_be_focused()
    row = Projection.objects.get(spec__layer="top")
    wanted = {"dataset": row.dataset.slug, "model": MODEL, "layer": "top", "metric": "cosine"}
    (experiment,) = client.get("/api/v1/experiments/", wanted).json()["results"]
    address = f"/api/v1/experiments/{experiment['id']}/neighbours/"
    answer = client.get(address, {"image": ids[index]}).json()
    similar = tab.locator("#picture .similar button")
    expect(similar).to_have_count(10)
    found = similar.evaluate_all("all => all.map(one => Number(one.dataset.image))")
    assert found == [neighbour["id"] for neighbour in answer["neighbours"]]
    similar.first.click()
    expect(tab.locator("#picture")).to_have_attribute("data-image", str(found[0]))
    tab.get_by_role("button", name="Close the image").click()
    expect(tab.locator("#picture")).to_be_hidden()
    tab.go_back()
    expect(tab.locator("#picture")).to_have_attribute("data-image", str(found[0]))


def around(page: Page, place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean colour of the few pixels around a place in the window."""
    x, y = place
    clip = {"x": float(x) - 3, "y": float(y) - 3, "width": 6, "height": 6}
    with Pillow.open(io.BytesIO(page.screenshot(clip=clip))) as seen:
        colour: NDArray[np.float64] = np.asarray(seen.convert("RGB"), np.float64).mean(axis=(0, 1))
    return colour


def test_a_neighbour_in_the_list_shows_its_point_while_it_is_pointed_at(tab: Page) -> None:
    ids, points = places()
    shown = spots(tab, points)
    alone = lonely(shown)
    tab.mouse.click(*shown[alone[0]])
    similar = tab.locator("#picture .similar button")
    expect(similar).to_have_count(10)
    tab.locator("#picture-title").hover()
    listed_here = similar.evaluate_all("all => all.map(one => Number(one.dataset.image))")
    lit = [index for index in alone[1:] if ids[index] in listed_here]
    assert len(lit) > 1
    one, other = lit[:2]
    button = tab.locator(f'#picture .similar [data-image="{ids[one]}"]')

    def colours() -> NDArray[np.float64]:
        tab.wait_for_timeout(300)
        now = spots(tab, points)  # pointing may have scrolled the page
        return np.array([around(tab, now[index]) for index in (one, other)])

    before = colours()
    for begin, end in ((button.hover, tab.locator("#picture-title").hover), (button.focus, button.blur)):
        begin()
        own, others = np.abs(colours() - before).max(axis=1)
        assert others > 10
        assert own < others / 2  # points that touch it pale
        end()
        assert np.abs(colours() - before).max() < 3


def test_the_keyboard_walks_opens_and_selects(tab: Page) -> None:
    ids, points = places()
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    nearest = ids[int(np.hypot(*(points - middle).T).argmin())]
    tab.locator("#map").focus()
    tab.keyboard.press("Enter")
    expect(tab.locator("#card")).to_have_attribute("data-image", str(nearest))
    expect(tab.locator("#status")).to_contain_text(Image.objects.get(pk=nearest).filename)
    tab.keyboard.press("Space")
    expect(tab.locator("#selection-title")).to_have_text("1 image selected")
    tab.keyboard.press("Enter")
    expect(tab.locator("#picture")).to_have_attribute("data-image", str(nearest))


def test_the_address_brings_back_layer_colours_filter_and_view(tab: Page, context: BrowserContext) -> None:
    tab.get_by_role("button", name="Previous layer").click()
    settled(tab, "stage7")
    tab.get_by_label("Score", exact=True).check()
    expect(tab.locator("#legend-title")).to_have_text("Weighted precision")
    tab.get_by_label("Category", exact=True).check()
    expect(tab.locator("#legend-title")).to_have_text("Categories")
    tab.get_by_role("button", name="birds 4").click()
    tab.get_by_role("button", name="Show all").click()
    tab.locator("#map").focus()
    for key in ("+", "+", "ArrowLeft"):
        tab.keyboard.press(key)
        tab.wait_for_timeout(400)
    tab.get_by_role("button", name="coins 4").click()
    tab.wait_for_url("**view=**")
    tab.wait_for_timeout(400)
    seen = tab.locator("#in-view").inner_text()
    again = context.new_page()
    again.set_viewport_size({"width": 1280, "height": 800})
    again.goto(tab.url)
    settled(again, "stage7")
    expect(again.locator("#in-view")).to_have_text(seen)
    expect(again.locator('.legend-line[data-name="coins"]')).to_have_attribute("aria-pressed", "true")
    expect(again.locator('.legend-line[data-name="birds"]')).to_have_attribute("aria-pressed", "false")
    x, y, zoom = (float(part) for part in asked(again)["view"].split(","))
    assert zoom == pytest.approx(2.25, abs=0.01)
    ids, points = places("stage7")
    labels = {image.pk: image.category for image in Image.objects.all()}
    shown = spots(again, points, (x, y, zoom))
    box = again.locator("#map").bounding_box()
    assert box is not None
    left, top, right, bottom = box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]
    inside = [
        index
        for index in lonely(shown)
        if left + 10 < shown[index][0] < right - 70
        and top + 10 < shown[index][1] < bottom - 10
        and labels[ids[index]] == "coins"
    ]
    for index in inside:
        again.mouse.move(*shown[index])
        expect(again.locator("#card")).to_have_attribute("data-image", str(ids[index]))
    assert asked(again) == asked(tab)


def test_finding_lights_up_names_and_labels(tab: Page) -> None:
    tab.locator("#find").fill("coin")
    expect(tab.locator("#found")).to_have_text("4 found.")
    name = Image.objects.filter(category="birds").values_list("filename", flat=True)[0]
    tab.locator("#find").fill(name.upper())
    expect(tab.locator("#found")).to_have_text("1 found.")
    assert asked(tab)["q"] == name.upper()
    tab.locator("#find").press("Enter")
    expect(tab.locator("#in-view")).not_to_contain_text("16 of 16")
    tab.locator("#find").fill("nothing like this")
    expect(tab.locator("#found")).to_contain_text("Nothing is called")


def test_where_nothing_is_computed_the_page_says_what_to_do(page: Page, explored: Dataset) -> None:
    page.goto("/embeddings/?method=umap")
    expect(page.locator("#nothing")).to_contain_text("project_embeddings --dataset mine --method umap")
    expect(page.locator("#stage")).to_be_hidden()


def test_staff_begins_a_map_and_sees_its_job(staff_page: Page, explored: Dataset) -> None:
    staff_page.goto("/embeddings/?method=umap&model=efficientnet-lite0")
    staff_page.get_by_label("Neighbours").fill("5")
    # what is being computed is asked for meanwhile; that leaves alone what was typed
    staff_page.wait_for_load_state("networkidle")
    staff_page.get_by_role("button", name="Compute").click()
    expect(staff_page.locator(".making-job")).to_have_count(1)
    job = Job.objects.get(kind=job_kinds.PROJECT)
    assert job.parameters["parameters"]["neighbours"] == 5
    assert (job.parameters["model"], job.parameters["method"]) == (MODEL, "umap")
    expect(staff_page.locator("#nothing h2")).to_have_text("Maps are being made")


def test_staff_makes_a_dataset_of_a_selection(staff_page: Page, mapped: Dataset) -> None:
    staff_page.goto("/embeddings/")
    settled(staff_page)
    staff_page.locator("#map").focus()
    staff_page.keyboard.press("Enter")
    staff_page.keyboard.press("Space")
    staff_page.get_by_text("Make a dataset").click()
    staff_page.get_by_label("Name of the new dataset").fill("Picked by hand")
    staff_page.get_by_role("button", name="Make it").click()
    expect(staff_page.get_by_role("link", name="Picked by hand")).to_be_visible()
    assert Dataset.objects.filter(slug="picked-by-hand", name="Picked by hand").exists()


def test_without_webgl_the_list_takes_the_place_of_the_map(page: Page, mapped: Dataset) -> None:
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto("/embeddings/")
    expect(page.locator("#map")).to_contain_text("WebGL2 is missing")
    expect(page.locator("#listing .paged button")).to_have_count(16)
    page.get_by_role("button", name="coins 4").click()
    expect(page.locator("#listing .paged button")).to_have_count(4)


@pytest.mark.parametrize("width", [375, 1280])
def test_nothing_is_wider_than_the_window(page: Page, mapped: Dataset, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    image = Image.objects.values_list("pk", flat=True)[0]
    page.goto(f"/embeddings/?image={image}")
    settled(page)
    expect(page.locator("#picture .similar button")).to_have_count(10)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    box = page.locator("#map").bounding_box()
    assert box is not None
    assert box["height"] >= 0.6 * 740


def test_a_finger_shows_a_point_with_one_tap_and_opens_it_with_the_next(
    chromium: Browser, context: BrowserContext, live_server: Any, mapped: Dataset
) -> None:
    phone = chromium.new_context(
        base_url=live_server.url, viewport={"width": 375, "height": 800}, has_touch=True, is_mobile=True
    )
    try:
        page = phone.new_page()
        page.goto("/embeddings/")
        settled(page)
        ids, points = places()
        page.locator("#map").scroll_into_view_if_needed()
        left, top = spots(page, points)[0]
        page.touchscreen.tap(left, top)
        expect(page.locator("#map .map-card, .map-frame .map-card").first).to_be_visible()
        expect(page.locator("#picture")).to_be_hidden()
        page.touchscreen.tap(left, top)
        expect(page.locator("#picture")).to_be_visible()
        expect(page.locator("#picture")).to_have_attribute("data-image", str(ids[0]))
    finally:
        phone.close()


def test_a_dataset_that_is_not_there_is_said_and_another_is_shown(page: Page, mapped: Dataset) -> None:
    for path in ("/embeddings/", "/", "/compare/", "/leaderboard/", "/live/"):
        page.goto(f"{path}?dataset=gone-%3Cb%3E")
        said = page.locator("[data-unknown-dataset]")
        expect(said).to_contain_text("There is no dataset gone-<b>")
        expect(said.get_by_role("link")).to_have_attribute("href", "/datasets/")
        expect(page.locator("#failure")).to_be_hidden()
        page.goto(f"{path}?dataset=mine")
        expect(page.locator("[data-unknown-dataset]")).to_have_count(0)
