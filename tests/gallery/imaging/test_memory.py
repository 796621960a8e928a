"""What decoding takes is never more than is reckoned from the header: measured for every kind of image."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hostile.large_images import cases

SIZE = (1200, 1000)
SIDES = (0, 224)  # in full, and as small as networks take them
ROOT = Path(__file__).resolve().parents[3]
# what the C library keeps is counted as well where it grew for the file before
TOLERANCE_BYTES = 2**19


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """Return what decoding each kind of image took, by its name and the side that was wanted."""
    folder = tmp_path_factory.mktemp("images")
    asked: list[tuple[str, str]] = []
    for number, (name, data) in enumerate(cases(SIZE)):
        file = folder / str(number)
        file.write_bytes(data)
        asked += [(f"{name}, side {side}", f"{file} {side}\n") for side in SIDES]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.hostile.peaks"],
        cwd=ROOT, input="".join(line for _, line in asked), text=True, capture_output=True, check=True,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: answer for (name, _), answer in zip(asked, answers, strict=True)}


def test_every_kind_of_image_is_decoded(measured: dict[str, dict[str, object]]) -> None:
    assert {name: answer["error"] for name, answer in measured.items() if "error" in answer} == {}


def test_no_image_takes_more_memory_than_is_reckoned(measured: dict[str, dict[str, int]]) -> None:
    over = {
        name: (answer["taken"], answer["needed"])
        for name, answer in measured.items()
        if answer["taken"] > answer["needed"] + TOLERANCE_BYTES
    }
    assert over == {}


def test_what_is_reckoned_is_not_far_more_than_what_it_takes(measured: dict[str, dict[str, int]]) -> None:
    far = {
        name: (answer["taken"], answer["needed"])
        for name, answer in measured.items()
        if answer["needed"] > 3 * answer["taken"] + 2**23
    }
    assert far == {}
