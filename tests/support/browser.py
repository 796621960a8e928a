"""What browser tests do on a page: drop and paste files, wait for hits."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Page, expect

from tests.conftest import sample_files

LAYERS = ["stem", *(f"stage{number}" for number in range(2, 8)), "top"]
CATEGORIES = ("birds", "coins", "flowers", "fruit")
IMAGES_PER_CATEGORY = 4
DATASET = "mine"
# builds a DataTransfer that holds one file, as a drop or a paste brings it
TRANSFER = """([name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  return transfer;
}"""
PASTE = """(clipboardData) => document.body.dispatchEvent(
  new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))"""


def unseen(category: str) -> Path:
    """Return a picture of a category that the dataset does not hold."""
    return sample_files("objects200", category, IMAGES_PER_CATEGORY + 1)[-1]


def transfer(page: Page, file: Path) -> Any:
    """Return a handle on a DataTransfer, inside the page, that holds a file."""
    data = base64.b64encode(file.read_bytes()).decode("ascii")
    return page.evaluate_handle(TRANSFER, [file.name, "image/png", data])


def drop(page: Page, file: Path) -> None:
    """Drag a file over the page and let it fall."""
    held = transfer(page, file)
    page.dispatch_event("main", "dragenter", {"dataTransfer": held})
    expect(page.locator("#overlay")).to_be_visible()
    page.dispatch_event("main", "drop", {"dataTransfer": held})
    expect(page.locator("#overlay")).to_be_hidden()


def paste(page: Page, file: Path) -> None:
    """Paste a file as a picture that was copied elsewhere."""
    page.evaluate(PASTE, transfer(page, file))


def expect_first_hit(page: Page, category: str) -> None:
    """Wait for results and check the label of the nearest."""
    expect(page.locator(".hit .hit-label").first).to_have_text(category)
    expect(page.locator("#spinner")).to_be_hidden()


def asked(page: Page) -> dict[str, str]:
    """Return the parameters of the address, of which each has one value."""
    pairs = parse_qsl(urlsplit(page.url).query)
    assert len(pairs) == len(dict(pairs)), page.url
    return dict(pairs)


def hits(page: Page) -> list[str]:
    """Return the addresses of the pages of the shown hits, in order."""
    links = page.locator(".hit-picture")
    return [str(links.nth(number).get_attribute("href")) for number in range(links.count())]


def scroll_a_little(page: Page) -> None:
    """Scroll as whoever looks on does: only then rows below the window are asked for."""
    page.evaluate("dispatchEvent(new Event('scroll'))")
