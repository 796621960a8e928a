"""Mutated images of every format: each decoded or refused with words, in bounds of memory and time.

The long form, `make test-hostile`, lists what became of how many.
"""

from __future__ import annotations

import time

import pytest

from gallery.errors import SemsearchError
from gallery.imaging.decoding import ImageLimits, decode_with_facts
from tests.support.hostile.mutations import mutated
from tests.support.hostile.watching import Outcomes, watched

USUAL = 250
EXPECTED = {"decoded", "not_a_picture", "too_large"}


@pytest.mark.parametrize("count", [USUAL, pytest.param(5_000, marks=pytest.mark.hostile)])
def test_mutated_images_are_decoded_or_refused_in_bounds(
    count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    limits, outcomes = ImageLimits(decode_s=5.0), Outcomes()
    with watched() as memory:
        for number, (name, data) in enumerate(mutated(count)):
            started, outcome = time.perf_counter(), "decoded"
            try:
                facts, rgb = decode_with_facts(data, limits, shortest_side=(None, 224)[number // 2 % 2])
            except SemsearchError as error:
                outcome = error.code if len(error.detail) > 20 else f"without words: {name}"
            else:
                assert rgb.ndim == 3, name
                assert rgb.flags.writeable
                assert 0 < facts.width * facts.height <= limits.max_pixels, name
            outcomes.add(outcome, name, time.perf_counter() - started)
    with capsys.disabled():
        if count != USUAL:
            print(outcomes.table("mutated images", memory))  # noqa: T201
    assert set(outcomes.counts) <= EXPECTED
    assert outcomes.counts["decoded"] > 0
    assert memory.tree < limits.memory_bytes, memory
    assert outcomes.slowest[0] < 6 * limits.decode_s + 5, outcomes.slowest
