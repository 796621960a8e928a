"""The leaderboard in a browser: every view shows what the API says, and the winner goes live."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Locator, Page, expect

from gallery import jobs
from gallery.models import Dataset, Job
from gallery.system.home.shipped_files import program
from search import job_kinds
from search.experiments import promotion
from search.indexing import builds
from search.models import Experiment, SearchIndex
from tests.support.browser import DATASET, asked
from tests.support.experiment_rows import experiment_row, feature_spec, stored_images
from tests.support.rounding import rounded

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LITE0 = "EfficientNet-Lite0"
# the colour that a browser makes of a CSS colour, as red, green and blue
PAINTED = """cell => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const painted = color => {
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const style = getComputedStyle(cell);
  return [painted(style.color), painted(style.backgroundColor)];
}"""


@pytest.fixture
def board(page: Page, explored: Dataset) -> Page:
    """Return a tab with the leaderboard of the computed dataset."""
    page.goto("/leaderboard/")
    expect(page.locator(".heat-cell")).to_have_count(9)
    return page


def ranked(client: Client, **wanted: str) -> list[dict[str, Any]]:
    """Return the rows of the leaderboard as the API gives them."""
    usual = {"dataset": DATASET, "metric": "cosine", "pooling": "average"}
    rows: list[dict[str, Any]] = client.get("/api/v1/experiments/leaderboard/", usual | wanted).json()["rows"]
    return rows


def experiments_of(shown: Locator) -> list[int]:
    """Return the experiments of cells, points or rows, in order."""
    ids: list[int] = shown.evaluate_all(
        "elements => elements.map(element => Number(element.dataset.experiment))"
    )
    return ids


def column(page: Page, name: str) -> list[str]:
    """Return the texts of a column of the table."""
    headings = page.locator(".board-table thead th").all_text_contents()
    cells = page.locator(f".board-table tbody tr > :nth-child({headings.index(name) + 1})")
    texts: list[str] = cells.all_text_contents()
    return texts


def undominated(rows: list[dict[str, Any]], score: str, cost: str) -> set[int]:
    """Return the experiments that no other beats, straight from the definition."""
    return {
        row["experiment"]
        for row in rows
        if not any(
            other[score] >= row[score]
            and other[cost] <= row[cost]
            and (other[score] > row[score] or other[cost] < row[cost])
            for other in rows
        )
    }


def test_the_heat_map_shows_every_score_and_marks_the_best(board: Page, client: Client) -> None:
    rows = ranked(client)
    cells = board.locator(".heat-cell")
    shown = dict(zip(experiments_of(cells), cells.all_text_contents(), strict=True))
    assert shown == {row["experiment"]: rounded(row["weighted_precision"]) for row in rows}
    best = board.locator(".heat-cell[data-best]")
    assert experiments_of(best) == [rows[0]["experiment"]]
    expect(best).to_have_attribute("aria-label", re.compile(r", the best$"))
    expect(board.locator("#chosen-title")).to_contain_text(rows[0]["title"])
    board.get_by_role("radio", name="mAP").check(force=True)
    expect(best).to_have_text(rounded(ranked(client, score="map")[0]["map"]))
    assert asked(board)["score"] == "map"


def test_arrow_keys_walk_the_heat_map_and_enter_chooses(board: Page) -> None:
    board.locator('.heat-cell[tabindex="0"]').focus()
    board.keyboard.press("Home")
    line = board.locator(".heat-grid tbody tr", has_text=LITE0).locator(".heat-cell")
    expect(line.nth(0)).to_be_focused()
    board.keyboard.press("ArrowRight")
    expect(line.nth(1)).to_be_focused()
    board.keyboard.press("End")
    expect(line.nth(7)).to_be_focused()
    board.keyboard.press("ArrowLeft")
    expect(line.nth(6)).to_be_focused()
    line.nth(1).focus()
    board.keyboard.press("Enter")
    expect(line.nth(1)).to_have_attribute("aria-selected", "true")
    expect(line.nth(1)).to_be_focused()
    expect(board.locator("#chosen-title")).to_contain_text(f"{LITE0} stage2")
    expect(board.locator(".categories li")).to_have_count(4)
    assert (asked(board)["model"], asked(board)["layer"]) == ("efficientnet-lite0", "stage2")
    board.go_back()
    expect(line.nth(1)).to_have_attribute("aria-selected", "false")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_figures_of_the_heat_map_are_legible_on_every_colour(board: Page, theme: str) -> None:
    board.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
    cell = board.locator(".heat-cell").first
    for step in range(41):
        cell.evaluate("(cell, share) => cell.style.setProperty('--v', share)", step / 40)
        ink, ground = cell.evaluate(PAINTED)
        assert contrast(ink, ground) >= 4.5, f"{theme}, {step / 40}: {ink} on {ground}"


def contrast(one: list[int], other: list[int]) -> float:
    """Return the contrast of two colours (WCAG 2.2, relative luminance)."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: list[int]) -> float:
    """Return the relative luminance of red, green and blue from 0 to 255."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (part / 255 for part in color)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_table_sorts_by_its_headings_and_the_address_keeps_the_order(board: Page, client: Client) -> None:
    rows = ranked(client)
    lines = board.locator(".board-table tbody tr")
    assert column(board, "Weighted precision") == [rounded(row["weighted_precision"]) for row in rows]
    dims = board.get_by_role("button", name="Dimensions")
    dims.focus()
    board.keyboard.press("Enter")
    heading = board.locator("th", has=dims)
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect(dims).to_be_focused()
    ascending = sorted(rows, key=lambda row: row["dims"])
    assert experiments_of(lines) == [row["experiment"] for row in ascending]
    board.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert asked(board)["sort"] == "-dims"
    board.reload()
    expect(heading).to_have_attribute("aria-sort", "descending")
    descending = sorted(rows, key=lambda row: -row["dims"])
    assert experiments_of(lines) == [row["experiment"] for row in descending]
    lines.nth(1).get_by_role("link").click()
    expect(lines.nth(1)).to_have_attribute("data-chosen", "")
    assert asked(board)["layer"] == descending[1]["layer"]


@pytest.mark.parametrize(("button", "cost"), [("Time", "extract_ms"), ("Size", "bytes_per_vector")])
def test_the_front_of_the_scatter_is_what_nothing_beats(
    page: Page, explored: Dataset, client: Client, button: str, cost: str
) -> None:
    # figures that are far from each other, with ties in score, in cost and in both
    figures = [
        (0.5, 10.0),
        (0.9, 80.0),
        (0.9, 95.0),
        (0.7, 20.0),
        (0.7, 20.0),
        (0.6, 20.0),
        (0.4, 9.0),
        (0.95, 400.0),
    ]
    layers = Experiment.objects.filter(metric="cosine", spec__model="efficientnet-lite0").order_by("pk")
    for experiment, (score, ms) in zip(layers, figures, strict=True):
        Experiment.objects.filter(pk=experiment.pk).update(weighted_precision=score, extract_ms=ms)
    page.goto("/leaderboard/")
    page.get_by_role("radio", name=button, exact=True).check(force=True)
    expect(page.locator(".point")).to_have_count(9)
    rows = ranked(client)
    front = set(experiments_of(page.locator(".point[data-front]")))
    assert front == undominated(rows, "weighted_precision", cost)
    assert 1 < len(front) < 9
    if cost == "extract_ms":
        assert front == {row["experiment"] for row in rows if row["pareto"]}
    expect(page.locator(".point[data-baseline]")).to_have_count(1)


def test_pointing_at_a_cell_brings_it_out_everywhere(board: Page) -> None:
    cell = board.locator(".heat-cell").nth(2)
    cell.hover()
    expect(board.locator("#card")).to_contain_text("Weighted precision")
    expect(board.locator("[data-linked]")).to_have_count(3)
    assert len(set(experiments_of(board.locator("[data-linked]")))) == 1
    board.locator("h1").hover()
    expect(board.locator("#card")).to_be_hidden()
    expect(board.locator("[data-linked]")).to_have_count(0)


def test_staff_switches_live_search_and_sees_it_live(staff_page: Page, explored: Dataset) -> None:
    page = staff_page
    page.goto("/leaderboard/?model=efficientnet-lite0&layer=stage6")
    page.get_by_role("button", name="Use this for live search").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{LITE0}, stage6")
    dialog.get_by_role("button", name="Cancel").click()
    assert not Job.objects.filter(kind=job_kinds.PROMOTE).exists()
    page.get_by_role("button", name="Use this for live search").click()
    dialog.get_by_role("button", name="Use it").click()
    expect(page.locator(".promotion")).to_contain_text("queued")
    job = jobs.perform(Job.objects.get(kind=job_kinds.PROMOTE).pk)
    assert job is not None
    assert job.state == Job.State.SUCCEEDED, job.error
    expect(page.locator(".live-now")).to_contain_text("answers live searches now")
    chosen = Experiment.objects.get(spec__model="efficientnet-lite0", spec__layer="stage6", metric="cosine")
    assert SearchIndex.objects.get(dataset=explored, live=True).spec == chosen.spec
    for view in (".heat-cell[data-live]", ".point[data-live]", ".board-table tr:has(.flag.live)"):
        assert experiments_of(page.locator(view)) == [chosen.pk]
    expect(page.locator("#summary")).to_contain_text(f"Live now{LITE0}, stage6")


def test_staff_switches_back_to_what_was_live_before(staff_page: Page, explored: Dataset) -> None:
    jobs.perform_now(job_kinds.EXTRACT, explored)
    before = SearchIndex.objects.get(dataset=explored, live=True)
    builds.rebuild(before)
    chosen = Experiment.objects.get(spec__model="efficientnet-lite0", spec__layer="stage6", metric="cosine")
    jobs.perform(promotion.enqueue(chosen).pk)
    page = staff_page
    page.goto("/leaderboard/")
    expect(page.locator("#summary")).to_contain_text(f"Live now{LITE0}, stage6")
    page.locator(f'#summary [data-index="{before.pk}"]').click()
    expect(page.locator(".promotion")).to_be_visible()
    jobs.perform(Job.objects.filter(kind=job_kinds.PROMOTE).latest("pk").pk)
    expect(page.locator("#summary")).to_contain_text(
        "Live nowEfficientNet-Lite2, top, pyramid, reduced to 512"
    )
    assert SearchIndex.objects.get(dataset=explored, live=True) == before


def test_others_are_sent_to_the_sign_in_and_other_distances_are_explained(board: Page) -> None:
    way = board.locator(".chosen-live")
    expect(way).to_contain_text("Staff can use this configuration")
    expect(way.get_by_role("link", name="Sign in")).to_have_attribute(
        "href", re.compile(r"^/accounts/sign-in/\?next=%2Fleaderboard%2F")
    )
    board.get_by_role("radio", name="Euclidean").check(force=True)
    expect(way).to_contain_text("Live search ranks by the cosine")
    way.get_by_role("link", name="See the same with cosine").click()
    expect(board.get_by_role("radio", name="Cosine")).to_be_checked()
    assert asked(board)["metric"] == "cosine"


def test_a_dataset_without_labels_has_sizes_and_times_only(page: Page, explored: Dataset) -> None:
    flat = Dataset.objects.create(slug="flat", name="Flat")
    stored_images(flat, ["", ""])
    experiment_row(flat, feature_spec("top"), extract_ms=5.0)
    page.goto("/leaderboard/?dataset=flat")
    expect(page.locator("#notices")).to_contain_text("have no labels")
    expect(page.locator(".board-table tbody tr")).to_have_count(1)
    expect(page.locator("#heat-panel")).to_be_hidden()
    assert page.locator(".board-table thead th").all_text_contents() == [
        "Network", "Layer", "Dimensions", "A vector", "An image",
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["/leaderboard/", "/compare/"])
def test_where_nothing_was_computed_it_is_said_what_to_do(page: Page, dataset: Dataset, path: str) -> None:
    stored_images(dataset, ["a", "b"])
    page.goto(path)
    expect(page.locator("#nothing")).to_contain_text("No experiments have been computed for this dataset yet")
    expect(page.locator("#nothing code")).to_have_text(f"{program()} run_experiments --dataset mine")


def test_staff_starts_the_first_computation(staff_page: Page, dataset: Dataset) -> None:
    stored_images(dataset, ["a", "b"])
    staff_page.goto("/leaderboard/")
    staff_page.get_by_role("button", name="Compute experiments").click()
    expect(staff_page.locator("#nothing")).to_contain_text("The first experiments are being computed")
    assert Job.objects.filter(dataset=dataset, kind=job_kinds.EXPERIMENT).exists()


def test_on_paper_it_is_light_and_whole(board: Page) -> None:
    board.emulate_media(color_scheme="dark", media="print")
    expect(board.get_by_role("navigation", name="Main")).to_be_hidden()
    expect(board.locator("#explained")).to_be_hidden()
    expect(board.get_by_role("heading", name="All configurations")).to_be_visible()
    assert board.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(250, 250, 248)"
    cut = "(table => [table.scrollHeight - table.clientHeight, table.scrollWidth - table.clientWidth])"
    board.set_viewport_size({"width": 720, "height": 1000})  # A4 within its margins
    assert board.evaluate(f"{cut}(document.getElementById('table'))") == [0, 0]
