"""The documents as they are built: no warning, nothing of another site, and the site's own content policy."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.axe import OVER_THE_EDGE, READ, RUN

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parent.parent.parent
WIDE, NARROW = 1280, 375
SETTLED_MS = 500
# the theme makes a landmark without a name of the button to copy of each block of code
HEARD = [rule for rule in READ if rule != "landmark-unique"]
# one of each kind: cards, steps with code, wide tables, outputs of a notebook, drawings
KINDS = ("index", "how-to/one-machine", "reference/settings", "tutorial/notebook", "explanation/architecture")


@pytest.fixture(scope="session")
def built_docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the documents, built once; a link that leads nowhere would have failed it."""
    site = tmp_path_factory.mktemp("docs") / "site"
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(site)],
        cwd=ROOT, check=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    return site


def test_no_page_has_inline_code_or_asks_another_site(built_docs: Path) -> None:
    for file in sorted(built_docs.rglob("*.html")):
        html = file.read_text()
        assert not re.search(r"<script>|<style|\sstyle=|\son\w+=\"", html), file
        asked = re.findall(
            r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"?(https?:[^\s\">]*)", html
        )
        assert asked == [], file


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_documents_work_under_the_policy_of_the_site(
    built_docs: Path, context: BrowserContext, page: Page, settings: Any, theme: Any
) -> None:
    settings.DOCS_ROOT = built_docs
    page.emulate_media(color_scheme=theme)
    foreign: list[str] = []
    page.on("request", lambda asked: None if "//localhost" in asked.url else foreign.append(asked.url))
    page.goto("/docs/how-to/backup.html")
    scheme = {"light": "default", "dark": "slate"}[theme]
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", scheme)
    page.keyboard.press("/")
    expect(page.get_by_text("Type to start searching")).to_be_visible()  # its index is there
    page.get_by_role("textbox", name="Search").press_sequentially("trustworthiness")
    expect(page.locator(".md-search-result__item").first).to_be_visible()
    page.locator(".md-search-result__item a").first.click()
    expect(page.locator("h1").first).to_be_visible()
    assert [address for address in foreign if not address.startswith(("data:", "blob:"))] == []


class Links(HTMLParser):
    """Notes what a page leads to or shows, and the anchors that it has."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.leads: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses and the id of an element."""
        for name, value in attrs:
            if name in {"href", "src"}:
                self.leads.add(value or "")
            elif name == "id":
                self.anchors.add(value or "")


def amiss(page: Path, seen: dict[Path, Links], root: Path) -> Iterator[str]:
    """Yield the addresses of a page that lead nowhere, or out of the folder by its place on a server."""
    for address in sorted(seen[page].leads):
        parts = urlsplit(address)
        if parts.scheme:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        target = target / "index.html" if target.is_dir() else target
        inside = not parts.path.startswith("/") and target.is_relative_to(root)
        anchored = target.suffix != ".html" or not parts.fragment or target not in seen
        if not inside or not target.is_file():
            yield f"{page.relative_to(root)} leads to {address}"
        elif not anchored and unquote(parts.fragment) not in seen[target].anchors | {"__top"}:
            yield f"{page.relative_to(root)} leads to a part that is not there: {address}"


def test_whatever_a_page_leads_to_is_there_below_whatever_path_it_is_served(built_docs: Path) -> None:
    root = built_docs.resolve()
    pages = sorted(root.rglob("*.html"))
    assert "404.html" not in {page.name for page in pages}, "the site has its own"
    seen = {page: Links(page) for page in pages}
    assert [found for page in pages for found in amiss(page, seen, root)] == []


def faults(page: Page, address: str, axe: str) -> Iterator[str]:
    """Yield what is wrong with a document, wide and narrow, light and dark."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.set_viewport_size({"width": WIDE, "height": 800})
        page.goto(address)
        expect(page.locator("h1").first).to_be_visible()
        page.evaluate(axe)
        for width in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": 800})
            found = page.evaluate(RUN, [theme == "dark", HEARD])
            if found:  # the theme lets the keyboard into code that has become too wide a moment later
                page.wait_for_timeout(SETTLED_MS)
                found = page.evaluate(RUN, [theme == "dark", HEARD])
            yield from (f"{address} {width} {theme}: {fault}" for fault in found)
            if (over := page.evaluate(OVER_THE_EDGE)) > 0:
                yield f"{address} is {over} px wider than {width}"


def test_each_kind_of_document_can_be_read_by_everybody(
    built_docs: Path, page: Page, settings: Any, axe: str, complaints: list[str]
) -> None:
    settings.DOCS_ROOT = built_docs
    assert [fault for name in KINDS for fault in faults(page, f"/docs/{name}.html", axe)] == []
    complaints[:] = [text for text in complaints if "inline style" not in text]  # axe tries to, in vain


@pytest.mark.hostile
def test_every_document_can_be_read_by_everybody(
    built_docs: Path, page: Page, settings: Any, axe: str, complaints: list[str]
) -> None:
    settings.DOCS_ROOT = built_docs
    names = [str(file.relative_to(built_docs)) for file in sorted(built_docs.rglob("*.html"))]
    assert [fault for name in names for fault in faults(page, f"/docs/{name}", axe)] == []
    complaints[:] = [text for text in complaints if "inline style" not in text]
