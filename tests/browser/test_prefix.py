"""Below a path, as a proxy may put the site: every page, script, image and request stays below it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.wsgi import get_wsgi_application
from django.test.testcases import QuietWSGIRequestHandler
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from gallery.models import Dataset
from semsearch_site.web.prefixes import put_environ_in_order
from tests.browser.conftest import WAIT_MS, RequestsUnderWay

pytestmark = pytest.mark.browser

PREFIX = "/semsearch/"
ADDRESSES = """() => [...document.querySelectorAll("[href], [src], [action]")].flatMap((element) =>
  ["href", "src", "action"].map((name) => element.getAttribute(name)).filter((address) => address))"""


@pytest.fixture
def below_a_path(
    chromium: Browser, live_server: Any, settings: Any, requests_under_way: RequestsUnderWay
) -> Iterator[BrowserContext]:
    """Serve with the collected static files, as in a deployment, and speak as the proxy does."""
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    django = get_wsgi_application()  # a new one, which knows the static files that are collected by now

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        put_environ_in_order(environ)
        return django(environ, start_response)

    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietWSGIRequestHandler)
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    context = chromium.new_context(
        base_url=f"http://127.0.0.1:{server.server_port}", extra_http_headers={"X-Forwarded-Prefix": PREFIX}
    )
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()
    requests_under_way.wait()
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_page_and_all_that_it_asks_for_stays_below_the_path(
    below_a_path: BrowserContext, searchable: Dataset, complete: Callable[[Page], None]
) -> None:
    image = searchable.images.order_by("pk")[0].pk
    page, amiss = below_a_path.new_page(), []

    def look(response: Response) -> None:
        address = urlsplit(response.url)
        wrong = response.status >= 400 or not address.path.startswith(PREFIX)
        if address.scheme.startswith("http") and wrong:
            amiss.append((response.status, response.url))

    page.on("response", look)
    page.on("pageerror", lambda error: amiss.append((page.url, str(error))))
    ready: dict[str, Callable[[], Any]] = {
        "": lambda: expect(page.locator("#main img").first).to_be_visible(),
        "compare/": lambda: expect(page.locator("#main")).to_be_visible(),
        "embeddings/": lambda: expect(page.locator("#main")).to_be_visible(),
        "leaderboard/": lambda: expect(page.locator("#main")).to_be_visible(),
        f"live/?image={image}": lambda: expect(page.locator(".hit img").first).to_be_visible(),
        "datasets/": lambda: page.get_by_role("link", name="Mine").first.click(),
        f"datasets/mine/images/{image}/": lambda: expect(page.locator("#main img").first).to_be_visible(),
        "jobs/": lambda: expect(page.locator("h1")).to_be_visible(),
        "docs/": lambda: expect(page.locator("h1").first).to_be_visible(),
        "api/docs/": lambda: expect(page.get_by_text("/api/v1/datasets/").first).to_be_visible(),
        "admin/": lambda: expect(page.locator("#id_username")).to_be_visible(),
    }
    for path, is_there in ready.items():
        page.goto(PREFIX + path)
        is_there()
        complete(page)
        outside = [
            address
            for address in page.evaluate(ADDRESSES)
            if address.startswith("/") and not address.startswith(PREFIX)
        ]
        assert outside == [], path
    assert amiss == []
