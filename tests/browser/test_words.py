"""Words in a real browser: searched, corrected and kept in the address; suggestions taken and removed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from gallery.models import Dataset, Image, SuggestedWord
from gallery.vocabulary.words import vocabulary
from tests.support.browser import DATASET, hits

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def suggest(image: Image, **words: int) -> None:
    """Suggest words for an image, each so sure in ten-thousandths, and no others."""
    SuggestedWord.objects.filter(image=image).delete()
    for word, confidence in words.items():
        key = vocabulary().means(word)[0].key
        SuggestedWord.objects.create(image=image, dataset=image.dataset, key=key, confidence=confidence)


def test_words_find_images_and_stay_in_the_address(staff_page: Page, searchable: Dataset) -> None:
    page, coin = staff_page, Image.objects.filter(category="coins").order_by("pk")[0]
    suggest(coin, zebra=9000)
    page.goto("/live/")
    page.get_by_role("combobox", name="Words").fill("zebrra")
    page.keyboard.press("Enter")
    expect(page.locator("#word-notes")).to_contain_text(
        "No vocabulary has the word “zebrra”; near it: zebra."
    )
    expect(page.locator("#hits li")).to_have_count(0)
    page.locator("#word-notes button", has_text="zebra").click()
    expect(page).to_have_url(re.compile(r"\?word=zebra$"))
    expect(page.locator("#results-title")).to_have_text("Images of “zebra”")
    expect(page.locator(".hit-matched").first).to_have_text("suggested, 90 %")
    first = hits(page)
    assert first[0].endswith(f"/{coin.pk}/")
    # a label goes before what is seen, and the dataset's coverage is told
    page.get_by_role("combobox", name="Words").fill("bird")
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page).to_have_url(re.compile(r"\?word=zebra&word=bird$"))
    page.get_by_role("button", name="Remove zebra").click()
    expect(page.locator(".hit-matched").first).to_have_text("labelled")
    page.select_option("#dataset", DATASET)
    page.get_by_text("Which words are known here").click()
    expect(page.locator("#word-coverage")).to_contain_text("16 images have a suggested word")
    expect(page.locator("#word-coverage")).to_contain_text("The network has no class for coins")
    page.reload()
    expect(page.locator("#word-list")).to_contain_text("bird")
    expect(page.locator(".hit-matched").first).to_have_text("labelled")
    page.go_back()
    page.go_back()
    expect(page.locator("#word-list")).to_contain_text("zebra")


def test_a_suggestion_is_taken_in_the_lightbox_and_removed_on_the_page(
    staff_page: Page, searchable: Dataset
) -> None:
    page, coin = staff_page, Image.objects.filter(category="coins").order_by("pk")[0]
    suggest(coin, zebra=6000, daisy=3000)
    page.goto(f"/live/?word=zebra&shown={coin.pk}")
    suggested = page.locator("#lightbox-suggested")
    expect(suggested).to_contain_text("zebra")
    suggested.get_by_role("button", name="Take “zebra” as a label").click()
    expect(suggested.get_by_role("status")).to_have_text("“zebra” is a label now.")
    assert Image.objects.get(pk=coin.pk).labels == ["coins", "zebra"]
    page.goto(coin_page(coin))
    expect(page.locator("#suggested")).not_to_contain_text("zebra")
    page.get_by_role("button", name="Remove “animal”").click()
    expect(page.locator("#suggested [role=status]")).to_have_text("“animal” is removed.")
    assert not SuggestedWord.objects.filter(image=coin, confidence=6000).exists()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text(coin.filename)
    expect(page.locator("#suggested")).to_be_hidden()


def test_a_suggested_word_is_searched_for_in_the_dataset_that_is_chosen(
    staff_page: Page, searchable: Dataset
) -> None:
    page, coin = staff_page, Image.objects.filter(category="coins").order_by("pk")[0]
    suggest(coin, zebra=6000)
    wanted = f"dataset={DATASET}&word=zebra"
    page.goto(f"/live/?word=zebra&dataset={DATASET}&where=no%3Aexternal_id&shown={coin.pk}")
    link = page.locator("#lightbox-suggested").get_by_role("link", name="zebra")
    expect(link).to_have_attribute("href", f"/live/?dataset={DATASET}&where=no%3Aexternal_id&word=zebra")
    page.goto(coin_page(coin))
    expect(page.locator("#suggested").get_by_role("link", name="zebra")).to_have_attribute(
        "href", f"/live/?{wanted}"
    )
    page.locator("#suggested").get_by_role("link", name="zebra").click()
    expect(page.get_by_label("Dataset")).to_have_value(DATASET)
    expect(page.locator(".hit-matched").first).to_have_text("suggested, 60 %")


def coin_page(image: Image) -> str:
    return f"/datasets/{image.dataset.slug}/images/{image.pk}/"
