"""The documents as they are built: no warning, nothing of another site, and the site's own content policy."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parent.parent.parent


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
