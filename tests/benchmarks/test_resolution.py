"""Images with few pixels, and what they are scored with."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import resolution
from benchmarks.images import SAMPLES
from benchmarks.tables.resolution import SHOWN
from benchmarks.tables.resolution import resolution as table


def test_the_shorter_side_is_reduced_and_the_shape_stays() -> None:
    wide = np.zeros((300, 450, 3), dtype=np.uint8)
    assert resolution.reduced(wide, 64).shape == (64, 96, 3)
    assert resolution.reduced(wide.transpose(1, 0, 2), 32).shape == (48, 32, 3)


def test_an_image_that_is_small_already_is_left_as_it_is() -> None:
    small = np.zeros((30, 450, 3), dtype=np.uint8)
    assert resolution.reduced(small, 32) is small
    assert resolution.reduced(small, None) is small


def test_every_layer_is_scored_at_every_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for category in ("coins", "birds"):
        (tmp_path / category).mkdir()
        for file in sorted((SAMPLES / "objects200" / category).glob("*.jpg"))[:4]:
            shutil.copy(file, tmp_path / category)
    monkeypatch.setattr(resolution, "MODELS", ("efficientnet-lite0",))
    monkeypatch.setattr(resolution, "SIDES", (4, None))
    figures = resolution.resolution(tmp_path)
    scores = {(row["layer"], row["shorter_side"]): row["weighted_precision"] for row in figures["rows"]}
    assert figures["images"] == 8
    assert len(scores) == 8 * 2
    # seven others, three of them right: ten ranks hold them all, the right ones first at best
    assert scores["top", None] == pytest.approx(100 * (10 + 9 + 8) / 55, abs=0.1)
    assert scores["top", 4] < scores["top", None]


def test_the_table_has_a_column_for_each_size() -> None:
    rows = [
        {"model": model, "layer": layer, "shorter_side": side, "weighted_precision": 50.25, "precision": 40.0}
        for model, layer, _ in SHOWN
        for side in (32, None)
    ]
    made = table({"rows": rows, "median_shorter_side": 288})
    assert made.head[1:] == ("32 px", "as they are (median 288 px)")
    assert made.rows[0] == ("Lite2, stage7", "50.2 / 40.0", "50.2 / 40.0")
