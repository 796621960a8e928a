"""Saved searches in a real browser: saved from live search, in the menu, as a collection, on their page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page, expect

from gallery.models import Image
from search.models import SavedSearch
from tests.support.browser import expect_first_hit, hits, unseen
from tests.support.site import until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def signed_in(live: Page, live_server: Any) -> Page:
    """Return the page of live search, opened by somebody who may only look and search."""
    account = User.objects.create_user("ann")
    client = Client()
    client.force_login(account)
    cookie = client.cookies["sessionid"]
    live.context.add_cookies([{"name": "sessionid", "value": cookie.value, "url": live_server.url}])
    live.reload()
    return live


def test_a_search_is_saved_and_opened_again_whole(signed_in: Page) -> None:
    page = signed_in
    expect(page.get_by_role("button", name="Save this search")).to_be_disabled()
    page.set_input_files("#file", unseen("coins"))
    expect_first_hit(page, "coins")
    page.select_option("#k", "20")
    page.locator("#where").fill("width>=1")
    page.locator("#where").press("Enter")
    expect(page).to_have_url(re.compile(r"where=.*k=20"))
    expect(page.locator(".hit")).to_have_count(16)
    expect_first_hit(page, "coins")
    shown = hits(page)
    page.get_by_role("button", name="Save this search").click()
    dialog = page.get_by_role("dialog", name="Save this search")
    expect(dialog.get_by_label("Name")).to_have_value("width>=1")
    dialog.get_by_label("Name").fill("Old coins")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#saved-as")).to_have_text("Saved as Old coins.")
    saved = SavedSearch.objects.get()
    # as the menu opens it: with the picture that is kept, though the upload ends
    page.goto(page.url.partition("?")[0])
    page.locator("#saved-menu summary").click()
    page.get_by_role("link", name="Old coins").click()
    expect(page).to_have_url(re.compile(r"/live/\?upload=kept-.*where=width.*k=20"))
    expect(page.locator(".hit")).to_have_count(16)
    assert hits(page) == shown
    expect(page.locator("#where")).to_have_value("width>=1")
    # its images, wherever a dataset is chosen
    page.select_option("#dataset", f"saved:{saved.pk}")
    expect(page).to_have_url(re.compile(rf"dataset=saved(:|%3A){saved.pk}"))
    expect(page.locator("#summary")).to_contain_text("Searched 16 images")


def test_the_menu_says_what_is_new_until_it_is_seen(signed_in: Page) -> None:
    page = signed_in
    owner = User.objects.get(username="ann")
    saved = SavedSearch.objects.create(
        owner=owner, name="All", document={"where": "width>=1"}, address="?where=width%3E%3D1",
        seen_at="2026-01-01T00:00Z", seen_image=Image.objects.order_by("pk")[12].pk,
    )  # fmt: skip
    page.locator("#saved-menu summary").click()
    entry = page.locator("#saved-menu").get_by_role("link", name="All 3 new")
    expect(entry).to_be_visible()
    page.keyboard.press("Escape")
    expect(entry).to_be_hidden()
    page.locator("#saved-menu summary").click()
    entry.click()
    expect(page.locator("#hits li").first).to_be_visible()
    # sent while the page is left: the browser need not tell anybody of the answer
    newest = Image.objects.latest("pk").pk
    until(
        lambda: SavedSearch.objects.filter(pk=saved.pk, seen_image=newest).exists(),
        within_s=10,
        what="seen_image is the newest",
    )


def test_the_page_of_saved_searches_renames_shares_and_deletes(signed_in: Page) -> None:
    page = signed_in
    owner = User.objects.get(username="ann")
    for name, document in (("One", {"where": "width>=1"}), ("Two", {"like": [{"image": 10**9}]})):
        SavedSearch.objects.create(
            owner=owner, name=name, document=document, seen_at="2026-01-01T00:00Z", seen_image=0
        )
    page.goto(page.url.replace("/live/", "/saved/"))
    one, two = page.locator(".saved").filter(has_text="One"), page.locator(".saved").filter(has_text="Two")
    expect(one.locator("[data-new]")).to_have_text("16 new")
    expect(two.locator("[data-problem]")).to_have_text(
        "There is no image 1000000000; it may have been deleted. The saved search stays."
    )
    one.get_by_role("button", name="Rename One").click()
    page.get_by_label("New name").fill("Two")
    page.keyboard.press("Enter")
    expect(page.locator("#failure")).to_have_text(
        "You have a saved search called 'Two': choose another name."
    )
    page.get_by_label("New name").fill("Uno")
    page.keyboard.press("Enter")
    uno = page.locator(".saved").filter(has_text="Uno")
    expect(uno.get_by_role("button", name="Rename Uno")).to_be_focused()
    uno.get_by_role("button", name="Share Uno").click()
    expect(uno.locator("[data-shared]")).to_be_visible()
    two.get_by_role("button", name="Delete Two").click()
    two.get_by_role("button", name="Really delete?").click()
    expect(two).to_have_count(0)
    assert list(SavedSearch.objects.values_list("name", "shared")) == [("Uno", True)]
    uno.get_by_role("link", name="Its images").click()
    expect(page.locator(".pictures li")).to_have_count(16)
    page.get_by_role("link", name="Search among these").click()
    expect(page.locator("#hits li").first).to_be_visible()
    expect(page.locator("#summary")).to_have_text("16 images found.")
