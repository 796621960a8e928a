"""The sample datasets: complete, balanced, licensed, and apart from the pictures used in development."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

SAMPLE_DATA = Path(__file__).resolve().parent.parent / "sample_data"
DATASETS = ("objects200", "clipart200")
LONGEST_SIDE_PX = 320


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as rows:
        return list(csv.DictReader(rows))


def manifest_of(dataset: str) -> list[dict[str, str]]:
    return rows_of(SAMPLE_DATA / dataset / "manifest.csv")


def sources() -> set[tuple[str, str]]:
    return {(row["package"], row["path"]) for row in rows_of(SAMPLE_DATA / "selection.csv")}


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_manifest_lists_exactly_the_files_that_are_there(dataset: str) -> None:
    folder = SAMPLE_DATA / dataset
    present = {str(file.relative_to(folder)) for file in folder.glob("*/*")}
    assert sorted(present) == sorted(row["file"] for row in manifest_of(dataset))


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_category_is_the_folder_and_holds_12_to_30_images(dataset: str) -> None:
    manifest = manifest_of(dataset)
    assert all(row["file"].split("/")[0] == row["category"] for row in manifest)
    counts = Counter(row["category"] for row in manifest)
    assert 8 <= len(counts) <= 12
    assert all(12 <= count <= 30 for count in counts.values()), counts


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_image_opens_and_is_at_most_320_pixels_long(dataset: str) -> None:
    for row in manifest_of(dataset):
        with Image.open(SAMPLE_DATA / dataset / row["file"]) as image:
            image.load()
            assert max(image.size) <= LONGEST_SIDE_PX, row["file"]
            assert min(image.size) >= 16, row["file"]


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_image_has_a_source_and_a_licence(dataset: str) -> None:
    manifest = manifest_of(dataset)
    assert {row["licence"] for row in manifest} <= {"GPL-2.0-or-later", "CC-PDDC"}
    named = {(row["source"].split()[0], row["source"].split(maxsplit=2)[2]) for row in manifest}
    assert len(named) == len(manifest)
    assert named <= sources()


def test_no_image_used_in_development_is_in_the_sample_data() -> None:
    development = rows_of(SAMPLE_DATA / "development.csv")
    listed = [(row["package"], row["path"]) for row in development]
    assert len(set(listed)) == len(listed)
    assert not set(listed) & sources()


def test_the_development_sets_share_no_category_of_their_kind_with_the_sample_data() -> None:
    development = rows_of(SAMPLE_DATA / "development.csv")
    for chosen, dataset in (("dev-photo", "objects200"), ("dev-clipart", "clipart200")):
        counts = Counter(row["category"] for row in development if row["set"] == chosen)
        assert min(counts.values()) >= 6
        assert not set(counts) & {row["category"] for row in manifest_of(dataset)}
    assert {row["category"] for row in development if row["set"] == "pca"} == {""}


def test_a_mirrored_image_counts_as_the_same_and_another_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SAMPLE_DATA))
    monkeypatch.delitem(sys.modules, "make_sample_data", raising=False)
    import make_sample_data

    arrow = Image.new("RGB", (200, 120), "white")
    ImageDraw.Draw(arrow).polygon([(10, 10), (150, 60), (10, 110)], fill="navy")
    upside_down = ImageOps.flip(arrow.rotate(90, expand=True))
    prints = [make_sample_data.fingerprint(side) for side in (arrow, ImageOps.mirror(arrow), upside_down)]
    assert make_sample_data.same_image(prints[0], prints[1])
    assert not make_sample_data.same_image(prints[0], prints[2])


def test_a_cut_out_lands_on_white_and_loses_its_empty_border(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SAMPLE_DATA))
    monkeypatch.delitem(sys.modules, "make_sample_data", raising=False)
    import make_sample_data

    # The hidden colour under the transparency must not show.
    cut_out = Image.new("RGBA", (900, 900), (255, 0, 0, 0))
    ImageDraw.Draw(cut_out).ellipse((100, 100, 299, 199), fill=(0, 0, 255, 255))
    cut_out.save(tmp_path / "cut_out.png")
    image = make_sample_data.flattened(tmp_path / "cut_out.png")
    assert image.size == (212, 112)
    assert np.asarray(image)[0].min() == 255
    assert image.getpixel((106, 56)) == (0, 0, 255)
