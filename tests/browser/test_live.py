"""Live search in a real browser: every way to ask, what is shown, and the way back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image as Pillow
from playwright.sync_api import Page, expect

from gallery.models import Dataset, Image
from search.models import SearchIndex
from tests.conftest import import_folder, sample_files
from tests.support.browser import (
    CATEGORIES,
    DATASET,
    IMAGES_PER_CATEGORY,
    drop,
    expect_first_hit,
    hits,
    paste,
    unseen,
)
from tests.support.rates import forget_hits

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_chosen_file_finds_its_like(live: Page) -> None:
    for category in CATEGORIES:
        live.set_input_files("#file", unseen(category))
        expect(live.locator("#query-name")).to_have_text(unseen(category).name)
        expect_first_hit(live, category)
    expect(live.locator("#results-title")).to_be_focused()
    expect(live.locator("#summary")).to_contain_text("Searched 16 images")
    expect(live.locator("#timings .total")).to_contain_text("ms")


def test_on_a_phone_the_first_hit_comes_into_view(live: Page) -> None:
    live.set_viewport_size({"width": 375, "height": 667})
    live.set_input_files("#file", unseen("coins"))
    expect_first_hit(live, "coins")
    expect(live.locator("#hits li").first).to_be_in_viewport(ratio=0.8)
    expect(live.locator("#results-title")).to_be_in_viewport()


def test_a_dropped_file_finds_its_like(live: Page) -> None:
    with live.expect_response("**/api/v1/search/") as answer:
        drop(live, unseen("coins"))
    assert answer.value.json()["like"][0]["kind"] == "upload"
    expect_first_hit(live, "coins")
    # the page has the picture already
    expect(live.locator("#query-image")).to_have_attribute("src", re.compile("^blob:"))


def test_a_pasted_image_finds_its_like(live: Page) -> None:
    paste(live, unseen("fruit"))
    expect_first_hit(live, "fruit")


def test_an_address_is_fetched_and_its_image_shown(live: Page, image_site: str, settings: Any) -> None:
    settings.FETCH_ALLOW_HOSTS = frozenset({urlsplit(image_site).netloc})
    live.get_by_label("Image address").fill(image_site)
    live.get_by_role("button", name="Search", exact=True).click()
    expect_first_hit(live, "flowers")
    expect(live).to_have_url(re.compile(r"/live/\?url=http"))
    shown = live.locator("#query-image")
    expect(shown).to_be_visible()
    expect(shown).to_have_attribute("src", re.compile("^data:image/jpeg;base64,"))
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100


def test_an_address_inside_is_refused_in_words(live: Page, image_site: str) -> None:
    live.get_by_label("Image address").fill(image_site)
    live.keyboard.press("Enter")
    expect(live.get_by_role("alert")).to_have_text(re.compile(r"^Port \d+ is not fetched from"))
    live.get_by_label("Image address").fill("http://127.0.0.1/flower.png")
    live.keyboard.press("Enter")
    expect(live.get_by_role("alert")).to_contain_text("not on the public internet")
    expect(live.locator("#results")).to_be_hidden()


def test_a_query_that_the_browser_cannot_show_is_shown_by_the_server(live: Page, tmp_path: Path) -> None:
    query = tmp_path / "coins.tif"
    with Pillow.open(unseen("coins")) as opened:
        opened.convert("RGB").save(query)
    live.set_input_files("#file", query)
    expect_first_hit(live, "coins")
    shown = live.locator("#query-image")
    expect(shown).to_be_visible()
    expect(shown).to_have_js_property("complete", True)
    assert shown.evaluate("(image) => image.naturalWidth") > 0


def test_a_sample_finds_its_like(live: Page) -> None:
    live.locator("#samples").get_by_alt_text("Search with coins").first.click()
    expect_first_hit(live, "coins")
    expect(live).to_have_url(re.compile(r"/live/\?image=\d+$"))


def test_images_to_start_from_follow_the_dataset_that_is_chosen(page: Page, searchable: Dataset) -> None:
    other = Dataset.objects.create(slug="other", name="Other")
    Image.objects.filter(category="fruit").update(dataset=other)
    SearchIndex.objects.create(dataset=other, spec=searchable.indexes.get().spec, live=True)
    page.goto("/live/?dataset=other")
    starts = page.locator("#samples a")
    expect(starts).to_have_count(IMAGES_PER_CATEGORY)
    expect(starts.first).to_have_attribute("href", re.compile("&dataset=other$"))
    page.get_by_label("Dataset").select_option(DATASET)
    expect(starts).to_have_count(12)
    expect(page.locator("#samples").get_by_alt_text("Search with fruit")).to_have_count(0)
    page.go_back()
    expect(starts).to_have_count(IMAGES_PER_CATEGORY)


def test_find_similar_asks_with_a_result_and_back_restores_what_was(live: Page) -> None:
    live.set_input_files("#file", unseen("coins"))
    expect_first_hit(live, "coins")
    before = hits(live)
    first = before[0]
    live.locator(".hit").first.get_by_text("Find similar").click()
    expect(live).to_have_url(re.compile(r"/live/\?image=" + first.rstrip("/").rpartition("/")[2] + "$"))
    expect(live.locator(f'.hit-picture[href="{first}"]')).to_have_count(0)
    expect_first_hit(live, "coins")
    after = hits(live)

    live.go_back()
    expect(live).to_have_url(re.compile(r"/live/\?upload=[\w-]+$"))
    expect(live.locator("#query-name")).to_have_text(unseen("coins").name)
    expect(live.locator(".hit-picture").first).to_have_attribute("href", first)
    assert hits(live) == before

    live.go_forward()
    expect(live.locator(f'.hit-picture[href="{first}"]')).to_have_count(0)
    expect(live.locator(".hit-picture").first).to_have_attribute("href", after[0])
    live.locator(".hit-picture").first.click()
    expect(live).to_have_url(re.compile(re.escape(after[0]) + "$"))
    live.go_back()
    expect(live).to_have_url(re.compile(r"/live/\?image=\d+$"))
    expect(live.locator(".hit-picture").first).to_have_attribute("href", after[0])


def test_show_more_appends_the_rest_in_order(live: Page) -> None:
    live.set_input_files("#file", unseen("fruit"))
    expect_first_hit(live, "fruit")
    expect(live.locator(".hit")).to_have_count(10)
    live.get_by_role("button", name="Show more").click()
    expect(live.locator(".hit")).to_have_count(16)
    expect(live.get_by_role("button", name="Show more")).to_be_hidden()
    assert live.locator(".hit-rank").all_text_contents() == [str(rank) for rank in range(1, 17)]
    assert len(set(hits(live))) == 16
    expect(live.locator(".hit-picture").nth(10)).to_be_focused()


def test_a_label_narrows_the_results_and_stays_in_the_address(live: Page) -> None:
    live.set_input_files("#file", unseen("birds"))
    expect_first_hit(live, "birds")
    live.get_by_label("Dataset").select_option(DATASET)
    live.get_by_label("Label").select_option("fruit")
    expect(live).to_have_url(re.compile(f"dataset={DATASET}&label=fruit$"))
    expect(live.locator(".hit")).to_have_count(4)
    expect_first_hit(live, "fruit")
    assert set(live.locator(".hit-label").all_text_contents()) == {"fruit"}


def test_a_file_that_is_no_image_is_refused_in_words(live: Page, tmp_path: Path) -> None:
    notes = tmp_path / "notes.png"
    notes.write_text("These are only words.")
    live.set_input_files("#file", notes)
    expect(live.get_by_role("alert")).to_contain_text(re.compile("image", re.IGNORECASE))
    expect(live.locator("#results")).to_be_hidden()
    live.set_input_files("#file", unseen("birds"))
    expect_first_hit(live, "birds")
    expect(live.locator("#failure")).to_be_hidden()


def test_too_many_searches_are_refused_in_words(live: Page, settings: Any) -> None:
    forget_hits()
    settings.SEARCH_THROTTLE = "1/min"
    live.set_input_files("#file", unseen("birds"))
    expect_first_hit(live, "birds")
    live.set_input_files("#file", unseen("coins"))
    expect(live.get_by_role("alert")).to_have_text(
        re.compile(r"^Too many searches in a short time\. Try again in \d+ seconds?\.$")
    )
    forget_hits()


def test_the_keyboard_alone_chooses_a_file_and_opens_the_first_result(live: Page) -> None:
    # a listener from the start: one that comes with the key press may come too late
    live.on("filechooser", lambda chooser: None)
    press_tab_until(live, "#file")
    with live.expect_file_chooser() as chooser:
        live.keyboard.press("Enter")
    chooser.value.set_files(unseen("coins"))
    expect_first_hit(live, "coins")
    expect(live.locator("#results-title")).to_be_focused()
    press_tab_until(live, ".hit-picture >> nth=0", most=5)  # past line and groups
    live.keyboard.press("Enter")
    expect(live).to_have_url(re.compile(rf"/datasets/{DATASET}/images/\d+/$"))


def press_tab_until(page: Page, selector: str, most: int = 30) -> None:
    """Move the focus on to an element. Raises: AssertionError when Tab does not reach it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.locator(selector).evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{most} presses of Tab did not reach {selector}")


def test_an_uploaded_image_outlives_a_reload_until_its_time_is_over(live: Page) -> None:
    live.set_input_files("#file", unseen("coins"))
    expect_first_hit(live, "coins")
    before = hits(live)
    live.reload()
    expect_first_hit(live, "coins")
    assert hits(live) == before
    expect(live.locator("#query-image")).to_have_attribute("src", re.compile("^data:image/jpeg;base64,"))
    live.goto("/live/?upload=00000001-" + "a" * 22)
    expect(live.get_by_role("alert")).to_contain_text("Choose it again")
    expect(live.locator("#start")).to_be_visible()


def test_hits_steer_the_search_and_back_takes_that_back(live: Page) -> None:
    live.set_input_files("#file", unseen("birds"))
    expect_first_hit(live, "birds")
    before = hits(live)
    # which categories are among the ten nearest is for the network to say
    other = next(name for name in live.locator(".hit-label").all_text_contents() if name != "birds")
    hit = live.locator(".hit", has_text=other).first
    hit.get_by_role("button", name=f"More like {other}").click()
    expect(live).to_have_url(re.compile(r"/live/\?upload=[\w-]+&like=\d+$"))
    expect(live.locator(".example")).to_have_count(1)
    expect(live).to_have_title(re.compile("^Results of 2 examples "))
    liked = live.locator('.example[data-verdict="like"] .example-remove').get_attribute("data-forget")
    expect(live.locator(f'[data-judge][data-image="{liked}"]')).to_have_count(0)
    expect(live.locator("#summary")).to_contain_text("Steered by 2 examples.")

    live.locator(".hit-picture").nth(1).focus()
    live.keyboard.press("-")
    expect(live).to_have_url(re.compile(r"&like=\d+&unlike=\d+$"))
    expect(live).to_have_title(re.compile("^Results of 2 examples, 1 unlike "))
    steered = hits(live)
    live.reload()
    expect(live).to_have_title(re.compile("^Results of 2 examples, 1 unlike "))
    expect(live.locator(".example")).to_have_count(2)
    expect(live.locator(".hit-picture").first).to_have_attribute("href", steered[0])
    assert hits(live) == steered

    live.go_back()
    expect(live.locator(".example")).to_have_count(1)
    live.go_back()
    expect(live.locator("#examples")).to_be_hidden()
    expect(live).to_have_title(re.compile("^Results · "))  # until then the hits are those of before
    assert hits(live) == before
    live.go_forward()
    live.get_by_role("button", name=f"Remove {other}").click()
    expect(live.locator("#examples")).to_be_hidden()
    expect(live.locator(".hit-picture").first).to_have_attribute("href", before[0])


def test_a_typed_filter_narrows_a_search_and_lists_without_one(live: Page) -> None:
    field = live.get_by_label("Filter", exact=True)
    field.fill("label:fruit,coins")
    live.keyboard.press("Enter")
    expect(live).to_have_url(re.compile(r"/live/\?where=label%3Afruit,coins$"))
    expect(live.locator(".hit")).to_have_count(8)
    expect(live.locator("#results-title")).to_have_text("Images that fit")
    expect(live.locator(".score")).to_have_count(0)
    live.set_input_files("#file", unseen("birds"))
    expect(live.locator(".score")).to_have_count(8)
    assert set(live.locator(".hit-label").all_text_contents()) == {"fruit", "coins"}
    field.fill("width>99999")
    live.keyboard.press("Enter")
    expect(live.locator("#summary")).to_have_text("None of 16 images fits the filter.")
    field.fill("colour:red")
    live.keyboard.press("Enter")
    expect(live.get_by_role("alert")).to_have_text(re.compile("^There is no field 'colour'"))
    field.fill("")
    live.keyboard.press("Enter")
    expect(live.locator(".hit")).to_have_count(10)


def test_an_image_leads_to_its_like(page: Page, searchable: Dataset) -> None:
    image = Image.objects.filter(category="coins").first()
    assert image is not None
    page.goto(f"/datasets/{DATASET}/images/{image.pk}/")
    page.get_by_role("link", name="Find similar").click()
    expect_first_hit(page, "coins")
    expect(page.locator("#query-name")).to_have_text(image.filename)


def test_find_similar_in_a_new_tab_searches_among_what_was_chosen(page: Page, searchable: Dataset) -> None:
    first = Image.objects.filter(category="coins").order_by("pk")[0]
    chosen = f"dataset={DATASET}&where=width%3E%3D1&k=20"
    page.goto(f"/live/?image={first.pk}&like={first.pk + 1}&{chosen}")
    expect_first_hit(page, "coins")
    hit = page.locator(".hit").first
    number = hits(page)[0].rstrip("/").rpartition("/")[2]
    link = hit.get_by_role("link", name="Find similar")
    for modifiers, button in ((["ControlOrMeta"], "left"), ([], "middle")):
        with page.context.expect_page() as opened:
            link.click(modifiers=modifiers, button=button)
        tab = opened.value
        expect(tab).to_have_url(re.compile(rf"/live/\?image={number}&{re.escape(chosen)}$"))
        expect_first_hit(tab, "coins")
        expect(tab.get_by_label("Dataset")).to_have_value(DATASET)
        tab.close()
    # the same as a plain click asks
    link.click()
    expect(page).to_have_url(re.compile(rf"/live/\?image={number}&{re.escape(chosen)}$"))


def test_every_link_to_another_search_follows_what_is_chosen(page: Page, searchable: Dataset) -> None:
    first = Image.objects.filter(category="coins").order_by("pk")[0]
    page.goto(f"/live/?image={first.pk}")
    expect_first_hit(page, "coins")
    similar = page.locator("#live a[data-image]")
    assert page.locator("#samples-again a").count() > 0
    expect(page.locator("#live a[data-image][href*=dataset]")).to_have_count(0)
    page.get_by_label("Dataset").select_option(DATASET)
    expect(page).to_have_url(re.compile(f"dataset={DATASET}$"))
    expect_first_hit(page, "coins")
    page.locator("#cutoff-at").press("End")
    line = re.search(r"&cutoff=[p\d.]+$", page.url)
    assert line
    page.locator("[data-enlarge]").first.click()
    expect(page.locator("#lightbox-links [data-image]")).to_be_visible()
    for link in similar.all():
        expect(link).to_have_attribute(
            "href", f"?image={link.get_attribute('data-image')}&dataset={DATASET}{line[0]}"
        )


def test_an_image_that_two_datasets_have_is_shown_once(
    live: Page, sample_folder: Callable[..., Path]
) -> None:
    other = Dataset.objects.create(slug="other", name="Other")
    import_folder(other, sample_folder(count=1, categories=4))
    live.set_input_files("#file", sample_files("objects200", "coins", 1)[0])
    expect_first_hit(live, "coins")
    first = live.locator(".hit").first
    expect(first.locator(".also-in a")).to_have_count(1)
    expect(first.locator(".score")).to_contain_text("1.000")
