"""The page that tunes a dataset: what it gains, the switch, and the way back."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from gallery import jobs
from gallery.models import Dataset, Job
from search.models import SearchIndex
from tests.support.labelled_vectors import labelled


def perform_queued() -> None:
    """Do the job that a button has queued, as a worker would."""
    jobs.perform(Job.objects.get(state=Job.State.QUEUED).pk)


def test_a_dataset_is_measured_tuned_and_taken_back(staff_page: Page, dataset: Dataset) -> None:
    page = staff_page
    plain = labelled(dataset)
    page.goto("/datasets/mine/")
    page.get_by_role("link", name="Tune", exact=True).click()
    expect(page.get_by_role("heading", name="Not measured yet")).to_be_visible()
    page.get_by_role("button", name="Measure what it gains").click()
    expect(page.locator("[data-job]")).to_be_visible()
    perform_queued()
    heading = page.locator("#gain-title")
    expect(heading).to_have_text(re.compile(r"It finds \d+\.\d points more"))
    expect(page.locator(".curve .point")).to_have_count(3)
    expect(page.get_by_role("heading", name=re.compile("Wrong labels pull"))).to_be_visible()
    page.get_by_role("button", name="Use it for live search").click()
    expect(page.locator("[data-job]")).to_be_visible()
    perform_queued()
    expect(page.locator("#tuned-now")).to_be_visible()
    assert SearchIndex.objects.get(dataset=dataset, live=True).spec.tuning
    page.get_by_role("button", name="Go back to the search before").click()
    expect(page.locator("[data-job]")).to_be_visible()
    perform_queued()
    expect(page.get_by_role("button", name="Use it for live search")).to_be_visible()
    assert SearchIndex.objects.get(dataset=dataset, live=True) == plain
