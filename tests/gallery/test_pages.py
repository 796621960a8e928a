"""The pages: each renders, links and pages as it says, with a fixed number of database queries."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from PIL import Image as Pillow

from gallery import jobs, views
from gallery.models import Dataset, FailedFile, Image, Job
from search import job_kinds
from search.models import FeatureSpec, SearchIndex
from search.types import FeatureConfig

pytestmark = pytest.mark.django_db

PAGES = [
    "/", "/compare/", "/leaderboard/", "/tuning/", "/embeddings/", "/live/", "/saved/", "/datasets/",
    "/datasets/mine/", "/jobs/", "/accounts/sign-in/", "/accounts/first/",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _plain_storages(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.fixture
def mine() -> Dataset:
    """Return the dataset that most pages show."""
    return Dataset.objects.create(slug="mine", name="Mine")


def png(color: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    """Return a tiny picture."""
    out = io.BytesIO()
    Pillow.new("RGB", (4, 3), color).save(out, "PNG")
    return out.getvalue()


def add_images(dataset: Dataset, count: int, category: str = "") -> list[Image]:
    """Add rows that share one stored file: pages show them, nothing reads them."""
    start = Image.objects.count()
    return Image.objects.bulk_create(
        Image(
            dataset=dataset,
            sha256=f"{start + number:064x}",
            file="images/1/ab/tiny.png",
            thumbnail="thumbnails/1/ab/tiny.png",
            filename=f"tiny-{start + number}.png",
            category=category,
            width=4,
            height=3,
            size_bytes=80,
            format="PNG",
        )
        for number in range(count)
    )


def make_searchable(dataset: Dataset) -> None:
    """Give the dataset a live index row."""
    config = FeatureConfig("m", "top", "average", "", "", 32, "squash", "0" * 64, 4)
    SearchIndex.objects.create(dataset=dataset, spec=FeatureSpec.objects.for_config(config), live=True)


def add_job(dataset: Dataset | None, state: str = "succeeded", failed: int = 0) -> Job:
    """Add a job with failed files."""
    job = Job.objects.create(kind=jobs.IMPORT, state=state, dataset=dataset, done=1, total=2)
    for number in range(failed):
        FailedFile.objects.create(
            job=job, name=f"={number}.jpg", code="not_a_picture", reason="It is cut, short."
        )
    return job


@pytest.mark.parametrize("path", [path for path in PAGES if "mine" not in path])
def test_pages_without_any_data_say_what_to_do(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    if path in ("/", "/live/", "/datasets/"):
        assert "manage.py import_dataset" in answer.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_inline_script_or_style(client: Client, mine: Dataset, path: str) -> None:
    add_images(mine, 3, "cat")
    make_searchable(mine)
    text = client.get(path).content.decode()
    assert "<style" not in text
    assert not re.search(r"\s(style|on\w+)=", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/", 6),
        ("/compare/", 1),
        ("/leaderboard/", 1),
        ("/embeddings/", 3),
        ("/live/", 4),
        ("/saved/", 1),
        ("/datasets/", 5),
        ("/datasets/mine/", 4),
        ("/jobs/", 3),
    ],
)
def test_lists_ask_the_database_a_fixed_number_of_times(
    client: Client, mine: Dataset, django_assert_num_queries: Any, path: str, queries: int
) -> None:
    for round_number in range(2):  # twice the rows, the same number of queries
        other = Dataset.objects.create(slug=f"other-{round_number}", name="Other")
        for dataset in (mine, other):
            add_images(dataset, 3, f"cat {round_number}")
            add_job(dataset, failed=2)
        make_searchable(other)
        with django_assert_num_queries(queries):
            assert client.get(path).status_code == 200


def test_the_failed_files_of_a_job_are_listed_with_a_fixed_number_of_queries(
    client: Client, mine: Dataset, django_assert_num_queries: Any
) -> None:
    job = add_job(mine, failed=3)
    FailedFile.objects.filter(job=job).update(image=add_images(mine, 1)[0])
    with django_assert_num_queries(2):
        text = client.get(f"/jobs/{job.pk}/").content.decode()
    assert text.count("It is cut, short.") == 3


def test_pages_of_images_follow_each_other_and_lose_none(client: Client, mine: Dataset) -> None:
    ids = [image.pk for image in add_images(mine, 2 * views.IMAGES_PER_PAGE + 5)]
    seen: list[int] = []
    pages = []
    address = "?"
    while address:
        page = client.get(f"/datasets/mine/{address}").context["page"]
        pages.append([image.pk for image in page.rows])
        seen += pages[-1]
        address = f"?after={page.after}" if page.after else ""
    assert seen == ids
    back = client.get(f"/datasets/mine/?before={pages[2][0]}").context["page"]
    assert [image.pk for image in back.rows] == pages[1]
    first = client.get(f"/datasets/mine/?before={pages[1][0]}").context["page"]
    assert [image.pk for image in first.rows] == pages[0]
    assert first.before is None


@pytest.mark.parametrize("after", ["x", "-1", "", "9" * 40, "٣"])
def test_a_senseless_page_address_is_no_error(client: Client, mine: Dataset, after: str) -> None:
    add_images(mine, 1)
    assert client.get("/datasets/mine/", {"after": after}).status_code == 200


def test_a_category_shows_its_images_only(client: Client, mine: Dataset) -> None:
    add_images(mine, 2, "cat & dog")
    add_images(mine, 3, "fish")
    answer = client.get("/datasets/mine/", {"category": "cat & dog"})
    assert len(answer.context["page"].rows) == 2
    assert "?category=cat%20%26%20dog" in answer.content.decode()


def test_pages_of_datasets_follow_each_other_by_name(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "DATASETS_PER_PAGE", 2)
    for slug, name in enumerate(["b", "a:1", "c", "b", "Ä", "b", "a:1"]):
        Dataset.objects.create(slug=f"set-{slug}", name=name)
    every = list(Dataset.objects.order_by("name", "pk").values_list("pk", flat=True))
    address = ""
    pages: list[list[int]] = []
    while len(pages) < 4:
        answer = client.get(f"/datasets/{address}")
        pages.append([card.dataset.pk for card in answer.context["cards"]])
        found = re.search(r'rel="next" href="([^"]+)"', answer.content.decode())
        address = found[1] if found else ""
    assert [pk for page in pages for pk in page] == every
    assert not address
    back = re.search(r'rel="prev" href="([^"]+)"', answer.content.decode())
    assert back
    before = client.get(f"/datasets/{back[1]}").context["cards"]
    assert [card.dataset.pk for card in before] == pages[2]


@pytest.mark.parametrize("after", ["x", ":", "5:", "5", "-1:a", "9" * 30 + ":b", "1:%00"])
def test_a_senseless_page_of_datasets_is_no_error(client: Client, mine: Dataset, after: str) -> None:
    for name in ("after", "before"):
        assert client.get(f"/datasets/?{name}={after}").status_code == 200


def test_an_image_page_steps_within_its_category(client: Client, mine: Dataset) -> None:
    first, other, last = (add_images(mine, 1, name)[0] for name in ("cat", "dog", "cat"))
    answer = client.get(f"/datasets/mine/images/{first.pk}/", {"category": "cat"})
    assert answer.context["next"].pk == last.pk
    assert client.get(f"/datasets/mine/images/{first.pk}/").context["next"].pk == other.pk
    assert f"/live/?image={first.pk}&amp;dataset=mine" in answer.content.decode()


def test_an_image_is_found_under_its_own_dataset_only(client: Client, mine: Dataset) -> None:
    Dataset.objects.create(slug="other", name="Other")
    image = add_images(mine, 1)[0]
    assert client.get(f"/datasets/other/images/{image.pk}/").status_code == 404


def test_failed_files_download_as_csv_without_formulas(client: Client, mine: Dataset) -> None:
    job = add_job(mine, failed=2)
    answer = client.get(f"/jobs/{job.pk}/failed.csv")
    rows = list(csv.reader(io.StringIO(answer.getvalue().decode())))
    assert rows[0] == ["name", "code", "reason"]
    assert rows[1] == ["'=0.jpg", "not_a_picture", "It is cut, short."]
    assert len(rows) == 3


def test_only_staff_sees_the_cancel_button(client: Client, staff_client: Client, mine: Dataset) -> None:
    job = add_job(mine, state="running")
    assert 'id="cancel"' not in client.get(f"/jobs/{job.pk}/").content.decode()
    assert 'id="cancel"' in staff_client.get(f"/jobs/{job.pk}/").content.decode()


def test_a_job_of_one_network_names_it(client: Client, mine: Dataset) -> None:
    parameters = {"model": "efficientnet-lite0", "method": "umap"}
    job = Job.objects.create(kind=job_kinds.PROJECT, dataset=mine, parameters=parameters)
    for address in ("/jobs/", f"/jobs/{job.pk}/", "/datasets/mine/"):
        assert "efficientnet-lite0, umap" in client.get(address).content.decode()


def test_a_dataset_leads_to_its_experiments_and_its_map(client: Client, mine: Dataset) -> None:
    add_images(mine, 1)
    page = client.get("/datasets/mine/").content.decode()
    assert 'href="/?dataset=mine"' in page
    assert 'href="/embeddings/?dataset=mine"' in page


def test_live_search_offers_samples_of_searchable_datasets_only(client: Client, mine: Dataset) -> None:
    hidden = Dataset.objects.create(slug="hidden", name="Hidden")
    add_images(hidden, 5)
    offered = {image.pk for image in add_images(mine, 40)}
    make_searchable(mine)
    samples = client.get("/live/").context["samples"]
    assert len(samples) == 12
    assert {image.pk for image in samples} <= offered


def test_live_search_starts_from_images_of_the_dataset_that_is_chosen(client: Client, mine: Dataset) -> None:
    other = Dataset.objects.create(slug="other", name="Other")
    for dataset in (mine, other):
        add_images(dataset, 15)
        make_searchable(dataset)
    page = client.get("/live/?dataset=other")
    assert {image.dataset.slug for image in page.context["samples"]} == {"other"}
    assert f"?image={page.context['samples'][0].pk}&amp;dataset=other" in page.content.decode()
    everywhere = client.get("/live/?dataset=gone")
    assert {image.dataset.slug for image in everywhere.context["samples"]} == {"mine", "other"}


def test_a_stored_image_is_served_for_ever_with_its_type(
    client: Client, mine: Dataset, settings: Any
) -> None:
    image = add_images(mine, 1)[0]
    image.file.save("tiny.png", ContentFile(png()))
    answer = client.get(image.file.url)
    assert answer.getvalue() == png()
    assert answer["Content-Type"] == "image/png"
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_closed_installation_keeps_images_out_of_shared_caches(
    staff_client: Client, mine: Dataset, settings: Any
) -> None:
    settings.OPEN_READING = False
    image = add_images(mine, 1)[0]
    image.file.save("tiny.png", ContentFile(png()))
    assert staff_client.get(image.file.url)["Cache-Control"].startswith("private")


@pytest.mark.parametrize(
    "path",
    [
        "secret.png",
        "other/secret.png",
        "images/../secret.png",
        "images/%2e%2e/secret.png",
        "images//../../secret.png",
        "images/..%5Csecret.png",
        "images/none.png",
        "images/folder.png",
        "images/page.html",
        "images/a%00.png",
        "images/" + "a" * 300 + ".png",
    ],
)
def test_nothing_but_images_below_the_served_folders_is_served(
    client: Client, settings: Any, path: str
) -> None:
    root = Path(settings.MEDIA_ROOT)
    for name in ("secret.png", "other/secret.png", "images/page.html", "images/folder.png/x.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png())
    assert client.get(f"/media/{path}").status_code == 404


def test_the_api_docs_have_no_inline_script(client: Client) -> None:
    text = client.get("/api/docs/").content.decode()
    assert "<style" not in text
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert "Back to semsearch" in text


def test_the_admin_offers_the_upload_of_a_zip(staff_client: Client, mine: Dataset) -> None:
    assert "/upload/" in staff_client.get("/admin/gallery/dataset/").content.decode()
    page = staff_client.get("/admin/gallery/dataset/upload/").content.decode()
    assert 'enctype="multipart/form-data"' in page


def test_an_unknown_address_answers_with_our_page(client: Client, settings: Any) -> None:
    answer = client.get("/datasets/none/")
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.content.decode()


def test_jobs_that_failed_for_good_are_listed_with_their_error_and_staff_may_try_them_again(
    client: Client, staff_client: Client, mine: Dataset
) -> None:
    running, failed = add_job(mine, state="running"), add_job(mine, state="failed")
    Job.objects.filter(pk=failed.pk).update(error="its worker died five times")
    page = client.get("/jobs/?show=failed").content.decode()
    assert "Its worker died five times" in page
    assert f"/jobs/{running.pk}/" not in page
    assert "Try again" not in page
    again = f'data-post="/api/v1/jobs/{failed.pk}/retry/"'
    assert again in staff_client.get("/jobs/?show=failed").content.decode()
    assert again in staff_client.get(f"/jobs/{failed.pk}/").content.decode()
    Job.objects.filter(pk=failed.pk).update(final=True)
    assert again not in staff_client.get("/jobs/").content.decode()
    assert again not in staff_client.get(f"/jobs/{failed.pk}/").content.decode()
    assert "No job has failed" not in client.get("/jobs/?show=nonsense").content.decode()


def test_failed_files_of_an_ended_job_can_be_tried_again_and_lead_to_the_job_that_does(
    client: Client, staff_client: Client, mine: Dataset
) -> None:
    job = add_job(mine, failed=2)
    again = f'data-post="/api/v1/jobs/{job.pk}/failed-files/retry/"'
    assert again not in client.get(f"/jobs/{job.pk}/").content.decode()
    assert staff_client.get(f"/jobs/{job.pk}/").content.decode().count(again) == 3
    other = add_job(mine)
    FailedFile.objects.filter(job=job).update(retry=other)
    page = client.get(f"/jobs/{job.pk}/").content.decode()
    assert page.count(f'href="/jobs/{other.pk}/">job #{other.pk}') == 2
