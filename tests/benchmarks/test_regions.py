"""Composites of known images, and what counts as their place."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import regions
from search.live.examples.framing import cropped


def test_overlap_is_intersection_over_union() -> None:
    left = (0.0, 0.0, 0.5, 1.0)
    assert regions.overlap(left, left) == 1
    assert regions.overlap(left, (0.5, 0.0, 1.0, 1.0)) == 0
    assert regions.overlap(left, (0.0, 0.0, 0.5, 0.5)) == 0.5
    assert regions.overlap(left, (0.25, 0.0, 0.75, 1.0)) == pytest.approx(1 / 3)


def test_composites_are_of_different_categories_and_lie_where_their_boxes_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(regions, "COUNT", 3)
    pixels = [np.full((40, 40, 3), 20 * number, dtype=np.uint8) for number in range(8)]
    labels = np.array(list("aabbccdd"))
    for grid, shape in (((2, 1), (300, 600, 3)), ((1, 2), (600, 300, 3)), ((2, 2), (600, 600, 3))):
        made = regions.composites(pixels, labels, grid)
        assert np.array_equal(made.members, regions.composites(pixels, labels, grid).members)
        for rgb, members in zip(made.pixels, made.members, strict=True):
            assert rgb.shape == shape
            assert len(set(labels[members])) == len(members)
            for number, box in zip(members, made.boxes, strict=True):
                assert (cropped(rgb, box) == 20 * number).all()
