"""Every page in a real browser: nothing breaks the content policy, and jobs are followed to their end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from gallery import jobs
from gallery.ingest import single_image
from gallery.models import Dataset, FailedFile, Image, Job
from search import job_kinds
from search.models import IndexBuild, SearchIndex
from tests.support.browser import DATASET
from tests.support.kinds.kind import image, saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def running_job(dataset: Dataset) -> Job:
    """Return a job that a worker is at."""
    now = timezone.now()
    return Job.objects.create(
        kind=jobs.IMPORT,
        dataset=dataset,
        state=Job.State.RUNNING,
        worker="here:1:x",
        started_at=now,
        heartbeat_at=now,
        done=1,
        total=4,
        message="Reading images",
    )


def test_the_page_of_a_tiff_shows_it(page: Page, live_server: Any) -> None:
    dataset = Dataset.objects.create(slug=DATASET, name="Mine")
    added = single_image.add_image(dataset, "scan.tif", saved(image(), "TIFF")).image
    page.goto(f"/datasets/{DATASET}/images/{added.pk}/")
    shown = page.locator(".picture-stage img")
    expect(shown).to_have_js_property("complete", True)
    assert shown.evaluate("(shown) => [shown.naturalWidth, shown.naturalHeight]") == [96, 64]


@pytest.mark.usefixtures("single_modules")
def test_no_page_breaks_the_content_policy_or_its_own_scripts(
    staff_page: Page, searchable: Dataset, complete: Callable[[Page], None], complaints: list[str]
) -> None:
    stored, job = Image.objects.first(), Job.objects.first()
    assert stored is not None
    assert job is not None
    trial = {"factory": "Flat", "count": 16, "recall_at_10": 1.0, "bytes_per_vector": 2056.0, "query_ms": 0.1}
    build = IndexBuild.objects.create(
        index=SearchIndex.objects.get(dataset=searchable),
        state="published",
        manifest=trial | {"tried": [trial]},
    )
    FailedFile.objects.create(job=job, name="torn.jpg", code="not_a_picture", reason="It is cut short.")
    paths = {
        "/": 200,
        "/embeddings/": 200,
        "/live/": 200,
        f"/live/?image={stored.pk}": 200,
        "/datasets/": 200,
        f"/datasets/{DATASET}/": 200,
        f"/datasets/{DATASET}/images/{stored.pk}/": 200,
        "/jobs/": 200,
        f"/jobs/{job.pk}/": 200,
        "/api/docs/": 200,
        "/admin/": 200,
        "/admin/gallery/dataset/": 200,
        "/admin/gallery/dataset/upload/": 200,
        f"/admin/gallery/image/{stored.pk}/change/": 200,
        f"/admin/gallery/dataset/{stored.dataset_id}/change/": 200,
        "/admin/search/searchindex/": 200,
        f"/admin/search/searchindex/{build.index_id}/change/": 200,
        f"/admin/search/indexbuild/{build.pk}/change/": 200,
        "/nowhere/": 404,
    }
    for path, status in paths.items():
        answer = staff_page.goto(path)
        complete(staff_page)
        assert answer is not None
        assert answer.status == status, path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-" not in policy
    # the browser reports the 404 of the page itself
    assert [text for text in complaints if "/nowhere/: Failed to load resource" not in text] == []


def test_the_sign_in_page_keeps_the_content_policy(
    page: Page, complete: Callable[[Page], None], complaints: list[str]
) -> None:
    answer = page.goto("/admin/login/")
    complete(page)
    assert answer is not None
    assert "unsafe-" not in answer.headers["content-security-policy"]
    assert complaints == []


def test_a_breach_of_the_content_policy_would_be_noticed(page: Page, complaints: list[str]) -> None:
    page.goto("/embeddings/")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))")
    expect(page.locator("body > script")).to_have_count(1)
    assert any("Content Security Policy" in text for text in complaints)
    complaints.clear()


def test_the_docs_describe_the_search(page: Page) -> None:
    page.goto("/api/docs/")
    expect(page.locator("#swagger-ui .opblock-tag").first).to_be_visible()
    expect(page.get_by_text("/api/v1/search/").first).to_be_visible()


def test_staff_cancels_a_running_job_on_its_page(staff_page: Page) -> None:
    job = running_job(Dataset.objects.create(slug="mine", name="Mine"))
    staff_page.goto(f"/jobs/{job.pk}/")
    staff_page.get_by_role("button", name="Cancel this job").click()
    expect(staff_page.locator('.job [data-part="state"]')).to_have_text("cancelled")
    expect(staff_page.get_by_role("button", name="Cancel this job")).to_have_count(0)
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED


def test_a_job_that_was_removed_meanwhile_is_explained_when_cancelled(staff_page: Page) -> None:
    job = running_job(Dataset.objects.create(slug="mine", name="Mine"))
    staff_page.goto(f"/jobs/{job.pk}/")
    job.delete()
    staff_page.get_by_role("button", name="Cancel this job").click()
    expect(staff_page.locator("#action-error")).to_be_visible()
    expect(staff_page.locator("#action-error")).not_to_be_empty()


def test_a_jobs_page_follows_it_and_shows_its_end(page: Page, live_server: object) -> None:
    job = running_job(Dataset.objects.create(slug="mine", name="Mine"))
    page.goto(f"/jobs/{job.pk}/")
    expect(page.locator('[data-part="count"]')).to_have_text("1 of 4")
    Job.objects.filter(pk=job.pk).update(done=3)
    expect(page.locator('[data-part="count"]')).to_have_text("3 of 4")
    FailedFile.objects.create(job=job, name="torn.jpg", code="not_a_picture", reason="It is cut short.")
    Job.objects.filter(pk=job.pk).update(
        state=Job.State.SUCCEEDED, done=4, finished_at=timezone.now(), result={"images": 3}
    )
    expect(page.locator('.job [data-part="state"]')).to_have_text("partly failed")
    expect(page.get_by_role("cell", name="It is cut short.")).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("Images")


def test_times_and_numbers_are_said_in_the_language_and_zone_of_the_browser(
    chromium: Browser, live_server: Any, collected: None
) -> None:
    dataset = Dataset.objects.create(slug="mine", name="Mine")
    job = running_job(dataset)
    then = datetime(2026, 3, 1, 22, 5, 9, tzinfo=UTC)
    changes = {"state": Job.State.FAILED, "error": "The zip is damaged.", "done": 1234, "total": 56789}
    Job.objects.filter(pk=job.pk).update(created_at=then, **changes)
    page = chromium.new_page(base_url=live_server.url, locale="de-DE", timezone_id="Europe/Berlin")
    page.goto(f"/jobs/{job.pk}/")
    created = page.locator("time[data-shown=second]").first
    expect(created).to_have_text("01.03.2026, 23:05:09")
    expect(created).to_have_attribute("datetime", "2026-03-01T22:05:09+00:00")
    expect(page.locator("[data-part=count]")).to_have_text("1.234 of 56.789")
    large = Image.objects.create(
        dataset=dataset, filename="a.png", file="a.png", thumbnail="a.png", format="PNG",
        width=3000, height=2000, size_bytes=3 * 2**19,
    )  # fmt: skip
    page.goto(f"/datasets/mine/images/{large.pk}/")
    expect(page.get_by_text("PNG, 1,5\N{NO-BREAK SPACE}MB")).to_be_visible()
    page.close()


def test_a_small_screen_reaches_every_section_by_its_menu(page: Page, live_server: object) -> None:
    page.set_viewport_size({"width": 375, "height": 700})
    page.goto("/datasets/")
    expect(page.get_by_role("link", name="Live search")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Live search").click()
    expect(page).to_have_title("Live search · semsearch")


@pytest.mark.parametrize("width", [320, 375])
def test_jobs_fit_a_small_screen_with_all_they_say(staff_page: Page, width: int) -> None:
    dataset = Dataset.objects.create(slug="mine", name="A dataset_with_a_name_that_is_rather_long")
    parameters = {"model": "efficientnet-lite4-with-a-long-name", "method": "umap"}
    Job.objects.create(
        kind=job_kinds.EXPERIMENT,
        dataset=dataset,
        state=Job.State.FAILED,
        error="x" * 200,
        parameters=parameters,
    )
    torn = running_job(dataset)
    FailedFile.objects.create(job=torn, name="torn.jpg", code="not_a_picture", reason="It is cut short.")
    staff_page.set_viewport_size({"width": width, "height": 700})
    for path in ("/jobs/", "/datasets/mine/"):
        staff_page.goto(path)
        expect(staff_page.get_by_role("row")).to_have_count(3)
        expect(staff_page.locator(f'[data-job="{torn.pk}"] .fails a')).to_be_visible()
        wider = "document.documentElement.scrollWidth > innerWidth"
        assert not staff_page.evaluate(wider)
        assert not staff_page.evaluate(
            "(wrap => wrap.scrollWidth > wrap.clientWidth)(document.querySelector('.table-wrap'))"
        ), "the table scrolls sideways"
    staff_page.goto("/jobs/")
    for name in ("Cancel job", "Try again: job"):
        box = staff_page.get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width


def test_only_a_dataset_with_images_offers_to_search_in_it(page: Page, searchable: Dataset) -> None:
    Dataset.objects.create(slug="bare", name="Bare")
    page.goto("/datasets/bare/")
    expect(page.get_by_role("link", name="Search in this dataset")).to_have_count(0)
    page.goto(f"/datasets/{DATASET}/")
    page.get_by_role("link", name="Search in this dataset").click()
    expect(page.get_by_label("Dataset")).to_have_value(DATASET)
