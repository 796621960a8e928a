"""The map in a real browser: everything is drawn where it should be, and what is picked is what is there."""

from __future__ import annotations

import base64
import io
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from playwright.sync_api import Page, Route

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DATA = Path(__file__).resolve().parents[1] / "data"
COLOURS = [(200, 30, 30), (30, 140, 40), (40, 60, 200), (170, 120, 0)]
FADED = 26  # a point lets a tenth of what is behind it through
Points = NDArray[np.float64]


@pytest.fixture
def tab(page: Page, live_server: Any) -> Page:
    """Return a tab with a bare map, under the content policy of the site."""
    policy = page.request.get("/embeddings/").headers["content-security-policy"]

    def serve(route: Route) -> None:
        file = DATA / route.request.url.rsplit("/", 1)[1]
        kind = "text/html" if file.suffix == ".html" else "text/javascript"
        headers = {"Content-Security-Policy": policy, "Content-Type": kind}
        route.fulfill(body=file.read_text(), headers=headers)

    page.set_viewport_size({"width": 1280, "height": 800})
    page.route("**/map-under-test/*", serve)
    page.goto("/map-under-test/map.html")
    page.wait_for_function("window.map")
    return page


def scattered(count: int, seed: int = 3) -> Points:
    """Return (count, 2) places, as exact as the map keeps them."""
    places = np.random.default_rng(seed).normal(size=(count, 2)) * [3, 2]
    return places.astype(np.float32).astype(np.float64)


def load(tab: Page, places: Points) -> None:
    """Show points of four categories in turn, all in view."""
    categories = [number % len(COLOURS) for number in range(len(places))]
    tab.evaluate(
        "([xy, categories, colours]) => map.load(xy, categories, colours)",
        [places.ravel().tolist(), categories, [part for colour in COLOURS for part in colour]],
    )


def spots(tab: Page, places: Points) -> Points:
    """Return where places of the map are in the window, (n, 2) pixels, by the definition of a view."""
    view, size = tab.evaluate("[map.renderer.view, map.renderer.size]")
    box = tab.locator(".map").bounding_box()
    assert box is not None
    middle = np.array([box["x"] + 1 + size["width"] / 2, box["y"] + 1 + size["height"] / 2])
    away = (places - [view["x"], view["y"]]) * [view["scale"], -view["scale"]]
    return np.asarray(middle + away, dtype=np.float64)


def spot(tab: Page, place: NDArray[np.float64]) -> tuple[float, float]:
    """Return where one place of the map is in the window."""
    left, top = spots(tab, place[None])[0]
    return float(left), float(top)


def settle(tab: Page) -> None:
    tab.evaluate("map.renderer.settled()")


def seen(tab: Page) -> Pillow.Image:
    """Return what the window shows."""
    return Pillow.open(io.BytesIO(tab.screenshot())).convert("RGB")


def close_to(shown: Any, wanted: tuple[int, int, int]) -> bool:
    return all(abs(int(a) - b) <= FADED for a, b in zip(shown, wanted, strict=True))


def lonely(tab: Page, places: Points, gap: float) -> list[tuple[int, float, float]]:
    """Return (index, left, top) of the points in view that have no other within `gap` pixels."""
    shown = spots(tab, places)
    apart = np.hypot(*(shown[:, None] - shown[None]).transpose(2, 0, 1))
    np.fill_diagonal(apart, math.inf)
    free = (apart.min(axis=1) > gap) & ((shown > 60) & (shown < [1220, 540])).all(axis=1)
    return [(int(index), float(shown[index][0]), float(shown[index][1])) for index in np.flatnonzero(free)]


def inside(corners: list[tuple[float, float]], x: float, y: float) -> bool:
    """Even-odd rule: count the edges that a ray to the right crosses."""
    crossings = 0
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            crossings += 1
    return crossings % 2 == 1


def test_every_point_is_drawn_in_its_place_and_colour_also_after_moving(tab: Page) -> None:
    places = scattered(400)
    load(tab, places)
    for move in (None, "map.renderer.setView({x: 0.7, y: -0.3, scale: 240})"):
        if move:
            tab.evaluate(move)
            settle(tab)
        image = seen(tab)
        chosen = lonely(tab, places, 16)
        assert len(chosen) > 20
        for index, left, top in chosen:
            assert close_to(image.getpixel((int(left), int(top))), COLOURS[index % 4]), index


def test_while_moving_the_last_image_goes_along(tab: Page) -> None:
    places = scattered(60)
    load(tab, places)
    # a view that comes in the middle of a frame is followed at once, drawn anew or not
    tab.evaluate("map.renderer.setView({...map.renderer.view, x: map.renderer.view.x + 1})")
    tab.evaluate("new Promise(requestAnimationFrame).then(() => new Promise(requestAnimationFrame))")
    index, left, top = lonely(tab, places, 20)[0]
    assert close_to(seen(tab).getpixel((int(left), int(top))), COLOURS[index % 4])


def test_a_hundred_thousand_points_are_all_drawn_and_picked_fast(tab: Page) -> None:
    tab.evaluate(
        """async () => {
          const wave = (_, at) => Math.sin(at * at * 0.37) * 5 + Math.cos(at * 0.11);
          const xy = Float32Array.from({ length: 200000 }, wave);
          map.renderer.setPoints(xy, new Uint16Array(100000), Uint8Array.of(20, 120, 90));
          map.renderer.setView(map.renderer.home());
          for (let step = 0; step < 20; step += 1) {
            map.renderer.setView({ ...map.renderer.view, x: map.renderer.view.x + 0.01 });
            await new Promise(requestAnimationFrame);
          }
          map.renderer.setView(map.renderer.home());
          await map.renderer.settled();
        }"""
    )
    report = tab.evaluate("map.renderer.report")
    assert report["complete"]
    assert report["drawn"] == report["count"] == 100_000
    slowest = tab.evaluate(
        """() => {
          const times = Array.from({ length: 50 }, (_, at) => {
            const started = performance.now();
            map.renderer.grid.nearest(at / 10 - 2.5, at / 20 - 1, 0.2);
            return performance.now() - started;
          });
          return times.sort((a, b) => a - b)[45];
        }"""
    )
    assert slowest < 30


def test_hovering_picks_the_point_that_is_there(tab: Page) -> None:
    places = scattered(300)
    load(tab, places)
    for index, left, top in lonely(tab, places, 16)[:12]:
        tab.mouse.move(left + 2, top - 2)
        tab.wait_for_function("index => map.heard.hovered === index", arg=index)
    tab.mouse.click(*spot(tab, places[index]))
    assert tab.evaluate("map.heard.opened") == [index]
    tab.mouse.move(5, 5)
    tab.wait_for_function("map.heard.hovered === -1")


def test_the_lasso_selects_exactly_the_shown_points_inside(tab: Page) -> None:
    places = scattered(2000)
    load(tab, places)
    tab.evaluate("map.renderer.setFilter(Uint8Array.of(1, 0, 1, 1))")
    # a star crosses itself, so that the even-odd rule matters
    path = [
        (640 + 190 * math.sin(turn * 4 * math.pi / 5), 320 - 190 * math.cos(turn * 4 * math.pi / 5))
        for turn in range(5)
    ]
    tab.keyboard.down("Alt")
    tab.mouse.move(*path[0])
    tab.mouse.down()
    for corner in path[1:]:
        tab.mouse.move(*corner, steps=6)
    tab.mouse.up()
    tab.keyboard.up("Alt")
    selected, flat = tab.evaluate("[map.heard.selected, map.heard.corners]")
    corners = list(zip(flat[::2], flat[1::2], strict=True))
    drawn = [spot(tab, np.array(corner)) for corner in corners]
    assert all(min(math.dist(point, corner) for corner in drawn) < 3 for point in path)
    expected = [index for index, (x, y) in enumerate(places) if index % 4 != 1 and inside(corners, x, y)]
    assert 50 < len(expected) < 1000
    assert selected == expected


def test_a_box_selects_exactly_the_points_inside(tab: Page) -> None:
    places = scattered(2000)
    load(tab, places)
    tab.keyboard.down("Shift")
    tab.mouse.move(500, 200)
    tab.mouse.down()
    tab.mouse.move(760, 420, steps=5)
    tab.mouse.up()
    tab.keyboard.up("Shift")
    within = ((spots(tab, places) > [500, 200]) & (spots(tab, places) < [760, 420])).all(axis=1)
    expected = [int(index) for index in np.flatnonzero(within)]
    assert len(expected) > 50
    assert tab.evaluate("map.heard.selected") == expected


def test_the_keyboard_walks_from_point_to_point(tab: Page) -> None:
    # a cross, its middle first
    places = np.array([[0, 0], [1, 0.1], [3, 0], [-3, 0], [0, 1], [0, -1]], dtype=np.float64)
    load(tab, places)
    tab.locator(".map").focus()
    for key, index in [
        ("Enter", 0),
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowRight", 2),
        ("ArrowLeft", 1),
        ("ArrowLeft", 0),
        ("ArrowUp", 4),
        ("ArrowDown", 0),
        ("ArrowDown", 5),
    ]:
        tab.keyboard.press(key)
        assert tab.evaluate("map.heard.focused") == index, key
    tab.keyboard.press("Enter")
    tab.keyboard.press("Space")
    assert tab.evaluate("[map.heard.opened, map.heard.selected]") == [[5], [5]]
    tab.keyboard.press("Escape")
    assert tab.evaluate("map.heard.focused") == -1


def test_wheel_and_keys_zoom_and_zero_shows_everything(tab: Page) -> None:
    places = scattered(300)
    load(tab, places)
    home = tab.evaluate("map.renderer.view")
    index, left, top = lonely(tab, places, 12)[0]
    tab.mouse.move(left, top)
    tab.mouse.wheel(0, -300)
    tab.wait_for_function("scale => map.renderer.view.scale > scale * 1.4", arg=home["scale"])
    # what was under the pointer stays under it; the browser tells the pointer's place in whole pixels
    assert spot(tab, places[index]) == pytest.approx((left, top), abs=0.6)
    tab.locator(".map").focus()
    tab.keyboard.press("+")
    tab.keyboard.press("0")
    tab.wait_for_function("home => JSON.stringify(map.renderer.view) === JSON.stringify(home)", arg=home)


def test_play_visits_eight_layouts(tab: Page) -> None:
    planar_maps = [scattered(100, seed) for seed in range(8)]
    load(tab, planar_maps[0])
    visited = tab.evaluate(
        "layouts => map.play(layouts, 8)", [planar_map.ravel().tolist() for planar_map in planar_maps]
    )
    assert [visit["number"] for visit in visited] == [1, 2, 3, 4, 5, 6, 7, 0]
    assert all(visit["complete"] for visit in visited)
    assert [visit["first"] for visit in visited] == [
        planar_maps[visit["number"]][0].tolist() for visit in visited
    ]
    assert tab.evaluate("map.heard.shown.at(-1)") == {"at": 0, "count": 8, "playing": False, "speed": 8}


def test_points_glide_unless_less_motion_is_wanted(tab: Page) -> None:
    places = scattered(100)
    load(tab, places)
    go = """async xy => {
      const before = map.renderer.report.refreshes;
      await map.renderer.setTargets(Float32Array.from(xy), {duration: DURATION});
      return map.renderer.report.refreshes - before;
    }"""
    target = (-places).ravel().tolist()
    assert tab.evaluate(go.replace("DURATION", "500"), target) > 3
    assert tab.evaluate(go.replace("DURATION", "0"), places.ravel().tolist()) == 1
    tab.emulate_media(reduced_motion="reduce")
    before = tab.evaluate("map.renderer.report.refreshes")
    tab.evaluate("layouts => map.play(layouts, 8)", [target, target])
    assert tab.evaluate("map.renderer.report.refreshes") - before <= 4


def test_zoomed_in_points_become_their_images(tab: Page, sprites: Callable[[int], list[str]]) -> None:
    places = scattered(40)
    load(tab, places)
    pages = sprites(len(places))
    tab.evaluate("pages => map.renderer.setSprites({cell: 48, columns: 4, perPage: 16, pages})", pages)
    tab.evaluate("map.renderer.setView({x: 0, y: 0, scale: 400})")
    tab.wait_for_load_state("networkidle")
    settle(tab)
    image = seen(tab)
    chosen = lonely(tab, places, 80)
    assert chosen
    for index, left, top in chosen:
        assert close_to(image.getpixel((int(left), int(top))), sprite_colour(index)), index


def sprite_colour(number: int) -> tuple[int, int, int]:
    return number * 5, 255 - number * 5, 90


@pytest.fixture
def sprites(tab: Page) -> Callable[[int], list[str]]:
    """Return a function that serves pages of four by four sprites, each of another colour."""
    pages: dict[str, bytes] = {}

    def draw(count: int) -> list[str]:
        for page in range(math.ceil(count / 16)):
            sheet = Pillow.new("RGB", (192, 192))
            for place in range(16):
                colour = sprite_colour(page * 16 + place)
                sheet.paste(
                    colour, (place % 4 * 48, place // 4 * 48, place % 4 * 48 + 48, place // 4 * 48 + 48)
                )
            out = io.BytesIO()
            sheet.save(out, "PNG")
            pages[f"/sprites/{page}.png"] = out.getvalue()
        return list(pages)

    def serve(route: Route) -> None:
        body = pages["/sprites/" + route.request.url.rsplit("/", 1)[1]]
        route.fulfill(body=body, content_type="image/png")

    tab.route("**/sprites/*", serve)
    return draw


def test_the_map_comes_back_after_the_graphics_card_was_lost(tab: Page) -> None:
    places = scattered(60)
    load(tab, places)
    tab.evaluate(
        """async () => {
          const gl = document.querySelector("canvas:last-of-type").getContext("webgl2");
          const lost = gl.getExtension("WEBGL_lose_context");
          lost.loseContext();
          await new Promise((done) => setTimeout(done, 100));
          lost.restoreContext();
          await new Promise((done) => setTimeout(done, 100));
        }"""
    )
    settle(tab)
    index, left, top = lonely(tab, places, 20)[0]
    assert close_to(seen(tab).getpixel((int(left), int(top))), COLOURS[index % 4])


def test_the_saved_image_is_what_the_box_shows(tab: Page, tmp_path: Path) -> None:
    places = scattered(60)
    load(tab, places)
    with tab.expect_download() as download:
        tab.evaluate("map.saveImage(map.renderer, 'map.png')")
    assert download.value.suggested_filename == "map.png"
    download.value.save_as(tmp_path / "map.png")
    image = Pillow.open(tmp_path / "map.png").convert("RGB")
    size = tab.evaluate("map.renderer.size")
    assert image.size == (size["width"], size["height"])
    corner = tab.locator(".map").bounding_box()
    assert corner is not None
    for index, left, top in lonely(tab, places, 20):
        shown = image.getpixel((int(left - corner["x"] - 1), int(top - corner["y"] - 1)))
        assert close_to(shown, COLOURS[index % 4]), index


def encoded(x: list[int], y: list[int], ids: list[int], categories: list[int]) -> bytes:
    """Return the binary form of a map over the box from (-2, 0) to (6, 4), from its description."""
    count = len(x)
    header = struct.pack("<4sIIIffff", b"SSMP", 1, count, 0, -2.0, 0.0, 6.0, 4.0)
    return header + struct.pack(f"<{count}H{count}H{count}I{count}H", *x, *y, *ids, *categories)


def test_the_binary_form_is_read_as_it_was_written(tab: Page) -> None:
    data = encoded([0, 65535, 13107], [0, 65535, 32768], [7, 4_000_000_000, 9], [0, 65535, 300])
    read = tab.evaluate("text => map.decode(text)", base64.b64encode(data).decode())
    assert read["ids"] == [7, 4_000_000_000, 9]
    assert read["categories"] == [0, 65535, 300]
    assert read["xy"] == pytest.approx([-2, 0, 6, 4, -0.4, 2], abs=8 / 65535)
    assert read["bounds"] == {"minX": -2, "minY": 0, "maxX": 6, "maxY": 4}


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"SSMP", "cut short"), (b"<html>" + bytes(30), "not a map"), (encoded([1], [1], [1], [1])[:-1], "42")],
)
def test_what_is_no_map_is_refused_in_words(tab: Page, data: bytes, words: str) -> None:
    with pytest.raises(Exception, match=words):
        tab.evaluate("text => map.decode(text)", base64.b64encode(data).decode())
