"""Every page by axe-core, wide and narrow, light and dark, and by what does not fit into a narrow window."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, expect

from gallery.models import Dataset, FailedFile, Image, Job
from search.models import SavedSearch
from tests.support.axe import OVER_THE_EDGE, READ, RUN

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIGN_IN = "/accounts/sign-in/"
WIDE, NARROW, NARROWEST = 1280, 375, 320
ZOOMED = 640  # 1280 at 200 %
# what people meet by its role in the accessibility tree, and what it is then called: nothing
NAMELESS = re.compile(
    r"^\s*- (?:button|link|checkbox|radio|combobox|textbox|searchbox|slider|tab|img|heading|dialog|region)"
    r"(?: \[[^]]*\])*$",
    re.MULTILINE,
)
# what still moves though somebody asked for less of it
MOVING = """document.getAnimations().filter((one) => Number(one.effect?.getComputedTiming().duration) > 1)
  .map((one) => one.animationName ?? one.transitionProperty ?? "script")"""


def failed_import(dataset: Dataset) -> Job:
    """Return a job of whose files some could not be used."""
    job = Job.objects.create(
        kind="import",
        dataset=dataset,
        state=Job.State.FAILED,
        error="the zip is damaged",
        failed=1,
        final=True,
    )
    FailedFile.objects.create(job=job, name="a.png", code="not_a_picture", reason="this is no image")
    return job


def saved_search() -> SavedSearch:
    """Return a saved search of the only account, with images that are new."""
    owner = User.objects.get()
    return SavedSearch.objects.create(
        owner=owner, name="All", document={"where": "width>=1"}, seen_at=owner.date_joined, seen_image=0
    )


def addresses(dataset: Dataset) -> list[str]:
    """Return the address of every page."""
    image = dataset.images.order_by("pk")[0]
    job = failed_import(dataset)
    asked = f"?dataset={dataset.slug}"
    return [
        f"/{asked}",
        f"/{asked}&image={image.pk}",
        f"/compare/{asked}",
        f"/networks/{asked}",
        f"/leaderboard/{asked}",
        f"/embeddings/{asked}",
        "/embeddings/?dataset=nothing-here",
        "/live/",
        f"/live/{asked}&image={image.pk}&group=label",
        "/saved/",
        f"/saved/{saved_search().pk}/",
        "/datasets/",
        f"/datasets/{dataset.slug}/",
        f"/datasets/{dataset.slug}/images/{image.pk}/",
        "/jobs/",
        f"/jobs/{job.pk}/",
        "/accounts/tokens/",
        "/accounts/password/",
        "/nothing/",
        "/admin/",
        "/admin/gallery/dataset/",
        "/admin/gallery/dataset/upload/",
        f"/admin/gallery/dataset/{dataset.pk}/change/",
        "/api/docs/",
    ]


@pytest.fixture
def visit(complete: Callable[[Page], None]) -> Callable[[Page, str], None]:
    """Return what opens a page and waits until it is complete."""

    def visited(page: Page, address: str) -> None:
        page.goto(address)
        expect(page.locator("main, #content").first).to_be_visible()
        complete(page)

    return visited


def test_no_page_has_a_serious_fault_wide_or_narrow_light_or_dark(
    staff_page: Page,
    context: BrowserContext,
    mapped: Dataset,
    axe: str,
    visit: Callable[[Page, str], None],
    complaints: list[str],
) -> None:
    page, amiss = staff_page, []
    for address in [*addresses(mapped), SIGN_IN]:
        if address == SIGN_IN:
            context.clear_cookies()
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        page.set_viewport_size({"width": WIDE, "height": 800})
        visit(page, address)
        own = not address.startswith(("/admin/", "/api/"))
        page.evaluate(axe)
        if own:
            amiss += [f"{address} moves: {what}" for what in page.evaluate(MOVING)]
            tree = page.locator("body").aria_snapshot()
            amiss += [f"{address} has a nameless{found}" for found in NAMELESS.findall(tree)]
        for width in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": 800})
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                found = page.evaluate(RUN, [theme == "dark", READ if own else []])
                amiss += [f"{address} {width} {theme}: {fault}" for fault in found]
        for width in (ZOOMED, NARROWEST) if own else ():
            page.set_viewport_size({"width": width, "height": 480})
            if (over := page.evaluate(OVER_THE_EDGE)) > 0:
                amiss.append(f"{address} is {over} px wider than {width}")
    # axe and Swagger UI try to, in vain
    complaints[:] = [text for text in complaints if "inline style" not in text]
    assert amiss == [], "\n".join(amiss)


@pytest.fixture
def long_names(mapped: Dataset) -> Dataset:
    """Return a dataset all of whose names are long and unbroken."""
    mapped.name = uuid.UUID(int=2**127).hex * 6
    mapped.save()
    Image.objects.filter(dataset=mapped).update(filename=f"{'x' * 190}.png")
    return mapped


def test_long_and_unbroken_names_stay_within_the_window(
    staff_page: Page, long_names: Dataset, visit: Callable[[Page, str], None]
) -> None:
    page, amiss = staff_page, []
    for address in addresses(long_names):
        if address.startswith(("/admin/", "/api/")):
            continue
        page.set_viewport_size({"width": WIDE, "height": 800})
        visit(page, address)
        for width in (WIDE, NARROWEST):
            page.set_viewport_size({"width": width, "height": 800})
            if (over := page.evaluate(OVER_THE_EDGE)) > 0:
                amiss.append(f"{address} is {over} px wider than {width}")
            tallest = page.evaluate(
                "Math.max(0, ...[...document.querySelectorAll('h1')].map((e) => e.offsetHeight))"
            )
            if tallest > 120:
                amiss.append(f"{address} has a heading of {tallest} px at {width}")
    assert amiss == [], "\n".join(amiss)
