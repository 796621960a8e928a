"""Deleting on the pages, taking it back, and the bin, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from gallery.ingest.removals import bin
from gallery.models import Dataset, Image

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_deletion_is_taken_back_by_the_notice_and_the_bin_restores_what_is_chosen(
    staff_page: Page, searchable: Dataset, complaints: list[str]
) -> None:
    first, second, third = Image.objects.order_by("pk")[:3]
    staff_page.goto(f"/datasets/{searchable.slug}/images/{first.pk}/")
    staff_page.get_by_role("button", name="Delete").click()
    expect(staff_page.get_by_role("status")).to_contain_text("moved to the bin")
    assert not Image.objects.filter(pk=first.pk).exists()
    staff_page.get_by_role("button", name="Undo").click()
    expect(staff_page.get_by_role("status")).to_contain_text("restored")
    assert Image.objects.filter(pk=first.pk).exists()

    bin.delete_images([second.pk, third.pk])
    staff_page.goto("/bin/")
    staff_page.get_by_role("checkbox").first.check()
    width = staff_page.viewport_size
    staff_page.set_viewport_size({"width": 375, "height": 800})
    assert staff_page.evaluate("document.documentElement.scrollWidth") == 375
    staff_page.set_viewport_size(width or {"width": 1280, "height": 800})
    staff_page.get_by_role("button", name="Restore chosen").click()
    expect(staff_page.get_by_role("status")).to_contain_text("1 image was restored")

    staff_page.goto(f"/datasets/{searchable.slug}/")
    staff_page.get_by_role("button", name="Delete").click()
    expect(staff_page.get_by_role("status")).to_contain_text("moved to the bin")
    staff_page.goto("/bin/")
    staff_page.get_by_role("button", name="for good").first.click()
    expect(staff_page.get_by_role("heading", name="Delete for good?")).to_be_visible()
    staff_page.get_by_role("link", name="Keep").click()
    staff_page.get_by_role("button", name=f"Restore {searchable.name}").click()
    expect(staff_page.get_by_role("status")).to_contain_text("is restored")
    assert Dataset.objects.filter(pk=searchable.pk).exists()
    assert complaints == []
