"""Fixtures of the browser tests: one Chromium, tabs whose errors are noted, a dataset, a picture site."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core import serializers
from django.core.signals import request_finished, request_started
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from gallery.models import AtlasPage, Dataset, Image
from search.experiments import jobs as experiment_jobs
from search.maps import jobs as map_jobs
from search.models import Projection
from tests.support.axe import AXE, FAULTS, SETTLED
from tests.support.browser import (
    CATEGORIES,
    DATASET,
    IMAGES_PER_CATEGORY,
    expect_first_hit,
    scroll_a_little,
    unseen,
)
from tests.support.snapshots import restored

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",  # WebGL2 without a graphics card
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 30_000
# longer than a page waits before it asks for what somebody rests at; then it is drawn and has time to spare
RESTED = """async () => {
  await new Promise((done) => setTimeout(done, 200));
  await new Promise((done) => requestAnimationFrame(() => requestIdleCallback(done)));
}"""
SHOULD_HANDLE = StaticFilesHandler._should_handle
PLANS = (
    experiment_jobs.Plan("efficientnet-lite0", ("average",), ("cosine", "euclidean")),
    experiment_jobs.Plan("colour-histogram", ("average",), ("cosine", "euclidean")),
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start the one Chromium of the run."""
    found = (shutil.which(name) for name in ("chromium-headless-shell", "chromium"))
    executable = os.environ.get("CHROMIUM") or next(filter(None, found), None)
    assert executable, "Install Chromium, or name its binary in CHROMIUM: tests/install_services.sh does it."
    # Playwright keeps an event loop in this thread, where Django would refuse to use the database
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let WhiteNoise serve what was collected, as a deployment does: the modules of a page in one file."""
    monkeypatch.setattr(StaticFilesHandler, "_should_handle", lambda self, path: False)


@pytest.fixture
def single_modules(collected: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name and serve static files as they are in the source, each module for itself, as with DEBUG."""
    monkeypatch.setattr(StaticFilesHandler, "_should_handle", SHOULD_HANDLE)
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


class RequestsUnderWay:
    """Counts the requests that the test server has begun and not ended."""

    def __init__(self) -> None:
        self.begun = 0
        self._count = 0
        self._changed = threading.Condition()
        request_started.connect(self._started)
        request_finished.connect(self._finished)

    def _started(self, **_: object) -> None:
        with self._changed:
            self.begun += 1
            self._count += 1

    def _finished(self, **_: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until there are none, ten seconds at the most."""
        with self._changed:
            self._changed.wait_for(lambda: self._count <= 0, timeout=10)


@pytest.fixture(scope="session")
def requests_under_way(live_server: Any) -> RequestsUnderWay:
    """Return what counts the requests to the test server."""
    return RequestsUnderWay()


@pytest.fixture
def complete(requests_under_way: RequestsUnderWay) -> Callable[[Page], None]:
    """Return what waits until a page has loaded, has nothing left to do, and asks the server for nothing.

    Playwright's "networkidle" waits half a second for that, each time.
    """

    def wait(page: Page) -> None:
        page.wait_for_load_state()
        begun = -1
        while begun != requests_under_way.begun:
            begun = requests_under_way.begun
            requests_under_way.wait()
            page.wait_for_function(SETTLED)
            page.evaluate(RESTED)

    return wait


@pytest.fixture
def context(
    chromium: Browser, live_server: Any, collected: None, requests_under_way: RequestsUnderWay
) -> Iterator[BrowserContext]:
    """Return a fresh browser profile at the test server."""
    context = chromium.new_context(base_url=live_server.url)
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()
    # a page may have asked for more than its test waited for: the database is emptied next
    requests_under_way.wait()


@pytest.fixture
def complaints(context: BrowserContext) -> list[str]:
    """Return the list to which every page adds its script errors and the errors of its console."""
    found: list[str] = []

    def noted(message: Any) -> None:
        if message.type == "error":
            found.append(f"{message.location['url']}: {message.text}")

    def watch(page: Page) -> None:
        page.on("console", noted)
        page.on("pageerror", lambda error: found.append(f"{page.url}: {error}"))

    context.on("page", watch)
    return found


@pytest.fixture
def page(context: BrowserContext, complaints: list[str]) -> Iterator[Page]:
    """Return a tab; its scripts must not have failed or broken the content policy by the end of the test."""
    yield context.new_page()
    # an answer with an error status is what some tests are about
    assert [text for text in complaints if "Failed to load resource" not in text] == []


@pytest.fixture
def searchable(live_server: Any, sample_dataset: Callable[..., Dataset]) -> Dataset:
    """Return a small dataset: four categories of four pictures, with their features."""
    return sample_dataset(IMAGES_PER_CATEGORY, len(CATEGORIES))


@pytest.fixture
def found(page: Page, searchable: Dataset) -> Page:
    """Return a tab with what is like an image of coins."""
    image = Image.objects.filter(category="coins").first()
    assert image is not None
    page.goto(f"/live/?image={image.pk}")
    expect_first_hit(page, "coins")
    return page


@pytest.fixture
def explored(live_server: Any, sample_dataset: Callable[..., Dataset]) -> Dataset:
    """Return a dataset of four categories of four pictures, with experiments of a network and a baseline."""

    def build() -> None:
        dataset = sample_dataset(IMAGES_PER_CATEGORY, len(CATEGORIES), features=False)
        for plan in PLANS:
            experiment_jobs.compute_now(dataset, plan)

    restored("explored", build)
    return Dataset.objects.get(slug=DATASET)


@pytest.fixture
def explore(page: Page, explored: Dataset) -> Page:
    """Return a tab with the page of the computed dataset, where its network is chosen."""
    page.goto("/?model=efficientnet-lite0&layer=top&metric=cosine")
    expect(page.locator(".grid-picture").first).to_be_visible()
    scroll_a_little(page)
    expect(page.locator(".grid-picture")).to_have_count(16)
    expect(page.locator("a.layer")).to_have_count(8)
    return page


@pytest.fixture(scope="session")
def projected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that keeps the maps for the tests that follow."""
    return tmp_path_factory.mktemp("projected")


@pytest.fixture
def mapped(explored: Dataset, projected: Path, settings: Any) -> Dataset:
    """Return a dataset of sixteen pictures with the PCA maps of the eight layers of a network."""
    media, rows = Path(settings.MEDIA_ROOT), projected / "rows.json"
    if not rows.exists():
        (plan,) = map_jobs.plans(["pca"], ["efficientnet-lite0"])
        map_jobs.compute_now(explored, plan)
        for name in ("projections", "atlases"):
            shutil.copytree(media / name, projected / name)
        stored = [*Projection.objects.all(), *AtlasPage.objects.all()]
        rows.write_text(serializers.serialize("json", stored))
        return explored
    AtlasPage.objects.all().delete()  # with their files, which have the names of those that come
    for name in ("projections", "atlases"):
        shutil.copytree(projected / name, media / name, dirs_exist_ok=True)
    for row in serializers.deserialize("json", rows.read_text()):
        row.save()
    return explored


@pytest.fixture
def live(page: Page, searchable: Dataset) -> Page:
    """Return a tab with the live search page."""
    page.goto("/live/")
    return page


@pytest.fixture
def staff_page(page: Page, context: BrowserContext, live_server: Any) -> Page:
    """Return a tab of somebody signed in as staff."""
    user = User.objects.create_superuser("staff", password="a long password")
    client = Client()
    client.force_login(user)
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    return page


@pytest.fixture
def axe() -> str:
    """Return the source of axe-core."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci")
    return AXE.read_text()


@pytest.fixture
def faults_of() -> Callable[[Page], list[str]]:
    """Return what says all that axe finds in a page: nothing where axe-core is not installed (npm ci)."""

    def found(page: Page) -> list[str]:
        if not AXE.exists():
            return []
        page.wait_for_function(SETTLED)
        page.evaluate(AXE.read_text())
        return list(page.evaluate(FAULTS))

    return found


@pytest.fixture
def image_site() -> Iterator[str]:
    """Serve one picture of a flower on this machine; returns its address."""
    image = unseen("flowers").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(image)))
            self.end_headers()
            self.wfile.write(image)

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/flower.png"
    server.shutdown()
    server.server_close()
    thread.join()
