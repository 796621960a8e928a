"""Images look as browsers show them: files of more than 300 kinds beside what Chromium draws of them.

Each is read as it looks in Chromium, or a sentence says why not; `pytest -s` prints the table.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser

from gallery.errors import NotAnImageError
from gallery.imaging.decoding import ImageLimits, decode_with_facts, in_browsers
from search.types import RGB
from tests.support.kinds import jpegs, others, pngs, unshown
from tests.support.kinds.kind import Kind
from tests.support.shown_images import shown

MOST_DIFFERENCE = 3.0  # of 255, in the mean
LEAST_KINDS = 200


def kinds() -> Iterator[Kind]:
    """Yield all kinds."""
    for module in (jpegs, pngs, others, unshown):
        yield from module.kinds()


def difference(one: RGB, other: RGB) -> float:
    """Return the mean difference of two images, 255 where they have not the same size."""
    return float(np.abs(one.astype(int) - other).mean()) if one.shape == other.shape else 255.0


def verdict(kind: Kind, seen: RGB | None) -> tuple[str, bool]:
    """Return the line of the table about a kind, and whether all is well."""
    try:
        facts, rgb = decode_with_facts(kind.data, ImageLimits())
    except NotAnImageError as error:
        is_right = bool(kind.refused) and kind.refused in error.detail and (seen is None)
        return f"refused: {error.detail}", is_right
    expected = seen if kind.like is None else kind.like
    if kind.refused or expected is None:
        wanted = f"“{kind.refused}” was expected" if kind.refused else "Chromium shows nothing"
        return f"read, though {wanted}", kind.why != ""
    apart = difference(rgb, expected)
    is_right = apart <= MOST_DIFFERENCE or kind.why != ""
    said = " ".join(part for part in (facts.format, facts.note, kind.why) if part)
    return f"{apart:6.2f} {said}", is_right and in_browsers(facts.format) == (kind.like is None)


@pytest.mark.browser
def test_images_are_read_as_chromium_shows_them_or_a_sentence_says_why_not(chromium: Browser) -> None:
    of = list(kinds())
    page = chromium.new_page()
    seen = shown(page, {kind.name: (kind.mime, kind.data) for kind in of if kind.mime})
    page.close()
    verdicts = {kind.name: verdict(kind, seen.get(kind.name)) for kind in of}
    print(f"\n{len(of)} kinds of images; mean difference of 255")  # noqa: T201
    for name, (line, is_right) in verdicts.items():
        print(f"{'  ' if is_right else 'X '}{name:<48} {line}")  # noqa: T201
    assert len(verdicts) == len(of) >= LEAST_KINDS
    assert {name: line for name, (line, is_right) in verdicts.items() if not is_right} == {}
