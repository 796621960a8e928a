"""Folding and grouping of results in a real browser: what stands for others, and "which do you mean?"."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image as Pillow
from playwright.sync_api import Page, expect

from gallery.models import Dataset, Image
from tests.conftest import import_folder
from tests.support.browser import expect_first_hit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def coin(live: Page, tmp_path: Path) -> Image:
    """Return a coin that a second dataset has twice: the same file, and the same pixels in another."""
    coin = Image.objects.filter(category="coins").order_by("pk")[1]
    with coin.file.open() as file:
        data = file.read()
    other = io.BytesIO()
    Pillow.open(io.BytesIO(data)).convert("RGB").save(other, "PNG")
    folder = tmp_path / "copies" / "coins"
    folder.mkdir(parents=True)
    (folder / "same.jpg").write_bytes(data)
    (folder / "other.png").write_bytes(other.getvalue())
    import_folder(Dataset.objects.create(slug="copies", name="Copies"), folder.parent)
    return coin


def test_copies_are_folded_and_a_group_is_chosen(live: Page, coin: Image) -> None:
    query = Image.objects.filter(category="coins").order_by("pk")[0]
    live.goto(f"/live/?image={query.pk}&k=20")
    expect_first_hit(live, "coins")
    expect(live.locator(".hit")).to_have_count(16)  # of 17: the same file is one
    card = live.locator(".hit").filter(has=live.locator(".also-in"))
    expect(card.locator(".also-in")).to_have_text(re.compile(r"^2 identical files: also in (mine|copies)$"))
    live.get_by_label("Fold near-identical").check()
    expect(live).to_have_url(re.compile("fold=near"))
    expect(live.locator(".hit")).to_have_count(15)
    live.locator(".folded summary").first.click()
    expect(live.locator(".folded a").first).to_be_visible()
    live.get_by_role("button", name="Which do you mean?").click()
    expect(live).to_have_url(re.compile("group=cluster"))
    groups = live.locator("#groups button")
    expect(groups.first).to_be_visible()
    assert 3 <= groups.count() <= 5
    live.reload()
    expect(groups.first).to_be_visible()
    groups.filter(has_text="birds").first.click()
    expect(live).to_have_url(re.compile(r"like=\d+,\d+,\d+"))
    expect(live.locator(".example")).to_have_count(3)
    expect(live.locator("#groups")).to_be_hidden()
    expect_first_hit(live, "birds")
    live.go_back()
    expect(live.locator("#examples")).to_be_hidden()
    expect(groups.first).to_be_visible()
    live.get_by_role("button", name="By label").click()
    expect(live.locator("#groups-title")).to_have_text("Only those labelled")
    groups.filter(has_text="flowers").click()
    expect(live.locator("#where")).to_have_value("label:flowers")
    expect_first_hit(live, "flowers")
