"""Accounts in the browser: sign in, make a token, use it, revoke it; by keyboard, on a small screen."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, expect

pytestmark = pytest.mark.browser


def status(address: str, token: str) -> int:
    """Return the status that an API call with a token gets."""
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def fits(page: Page) -> bool:
    """Whether nothing is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize("width", [1280, 375])
def test_a_token_is_made_used_and_revoked(
    page: Page, context: BrowserContext, live_server: Any, width: int
) -> None:
    User.objects.create_user("anna", password="a long password")
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/accounts/tokens/")
    expect(page).to_have_url(re.compile(r"/accounts/sign-in/\?next="))
    assert fits(page)
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill("a long password")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live_server.url}/accounts/tokens/")
    page.get_by_label("Name", exact=True).fill("nightly")
    page.get_by_role("button", name="Make the token").click()
    shown = page.locator("#token")
    expect(shown).to_have_text(re.compile(r"^sem_[\w-]{43}$"))
    token = shown.inner_text()
    expect(page.locator("#example")).to_contain_text(f"Token {token}")
    assert fits(page)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server.url)
    page.locator('[data-copy="token"]').click()
    expect(page.locator("#copied")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == token
    address = f"{live_server.url}/api/v1/jobs/"
    assert status(address, token) == 200
    page.goto("/accounts/tokens/")
    expect(page.locator(".tokens tbody tr")).to_have_count(1)
    assert fits(page)
    page.get_by_role("link", name="Revoke nightly").press("Enter")
    page.get_by_role("button", name="Revoke it").press("Enter")
    expect(page.get_by_text("None yet.")).to_be_visible()
    assert status(address, token) == 401


def test_the_menu_of_an_account_opens_by_key_and_signs_out(staff_page: Page) -> None:
    page = staff_page
    page.goto("/datasets/")
    who = page.locator("#who summary")
    who.press("Enter")
    expect(page.get_by_role("link", name="Tokens")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Tokens")).to_be_hidden()
    expect(who).to_be_focused()
    who.click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_signing_in_leads_back_to_what_a_page_shows_by_now(page: Page, live_server: Any) -> None:
    User.objects.create_user("anna", password="a long password")
    page.goto("/datasets/")
    page.evaluate("history.replaceState(null, '', '/datasets/?x=a%26b#there')")
    link = page.get_by_role("link", name="Sign in")
    link.focus()
    expect(link).to_have_attribute("href", "/accounts/sign-in/?next=%2Fdatasets%2F%3Fx%3Da%2526b%23there")
    link.click()
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill("a long password")
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{live_server.url}/datasets/?x=a%26b#there")
