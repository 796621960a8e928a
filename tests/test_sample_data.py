"""The sample datasets: complete, balanced, licensed, and apart from the pictures used in development."""

from __future__ import annotations

import csv
import struct
import sys
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

SAMPLE_DATA = Path(__file__).resolve().parent.parent / "sample_data"
DATASETS = ("objects200", "clipart200", "photos200")
LONGEST_SIDE_PX = {"photos200": 512}
CATEGORIES = {"photos200": (15, 20)}
IMAGES = {"photos200": (9, 30)}  # of a category
LICENCES = {
    "CC-PDDC", "GPL-2.0-or-later", "LicenseRef-public-domain", "CC0-1.0", "CC-BY-2.0", "CC-BY-3.0",
    "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0",
}  # fmt: skip


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as rows:
        return list(csv.DictReader(rows))


def manifest_of(dataset: str) -> list[dict[str, str]]:
    return rows_of(SAMPLE_DATA / dataset / "metadata.csv")


def sources() -> set[tuple[str, str]]:
    rows = [*rows_of(SAMPLE_DATA / "selection.csv"), *rows_of(SAMPLE_DATA / "photos_selection.csv")]
    return {(row["package"], row["path"]) for row in rows}


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_manifest_lists_exactly_the_files_that_are_there(dataset: str) -> None:
    folder = SAMPLE_DATA / dataset
    present = {str(file.relative_to(folder)) for file in folder.glob("*/*")}
    assert sorted(present) == sorted(row["file"] for row in manifest_of(dataset))
    assert len(present) >= 195


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_category_is_the_folder_and_holds_some_images(dataset: str) -> None:
    manifest = manifest_of(dataset)
    assert all(row["file"].split("/")[0] == row["category"] for row in manifest)
    counts = Counter(row["category"] for row in manifest)
    fewest, most = CATEGORIES.get(dataset, (8, 12))
    assert fewest <= len(counts) <= most
    fewest, most = IMAGES.get(dataset, (12, 30))
    assert all(fewest <= count <= most for count in counts.values()), counts


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_image_opens_and_is_small(dataset: str) -> None:
    for row in manifest_of(dataset):
        with Image.open(SAMPLE_DATA / dataset / row["file"]) as image:
            image.load()
            assert max(image.size) <= LONGEST_SIDE_PX.get(dataset, 320), row["file"]
            assert min(image.size) >= 16, row["file"]


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_image_has_a_source_and_a_licence(dataset: str) -> None:
    manifest = manifest_of(dataset)
    assert {row["licence"] for row in manifest} <= LICENCES
    named = {(row["source"].split()[0], row["source"].split(maxsplit=2)[2]) for row in manifest}
    assert len(named) == len(manifest)
    assert named <= sources()


def test_every_photograph_names_its_author_and_the_address_it_comes_from() -> None:
    words = (SAMPLE_DATA / "COPYING-photos").read_text(encoding="utf-8")
    for row in manifest_of("photos200"):
        assert row["author"], row["file"]
        assert row["url"].startswith(("https://", "http://")), row["file"]
        assert row["licence"] in words


def test_no_two_photographs_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SAMPLE_DATA))
    monkeypatch.delitem(sys.modules, "make_sample_data", raising=False)
    import make_sample_data

    prints: dict[str, make_sample_data.Fingerprint] = {}
    for row in manifest_of("photos200"):
        with Image.open(SAMPLE_DATA / "photos200" / row["file"]) as image:
            levels = make_sample_data.fingerprint(image.convert("RGB"))
        assert not [name for name, other in prints.items() if make_sample_data.same_image(levels, other)]
        prints[row["file"]] = levels


def test_a_file_is_read_out_of_an_archive_of_qt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SAMPLE_DATA))
    import make_photos

    def named(text: str) -> bytes:
        return struct.pack(">HI", len(text), 0) + text.encode("utf-16-be")

    names = [named(text) for text in ("a", "b.txt", "c.txt")]
    at = [0, len(names[0]), len(names[0]) + len(names[1])]
    files = [b"plain", struct.pack(">I", 5) + zlib.compress(b"small")]
    data = [struct.pack(">I", len(file)) + file for file in files]
    folder, packed = 2, 1
    nodes = [
        (0, folder, 1, 1),
        (at[0], folder, 2, 2),
        (at[1], 0, 0, 0),
        (at[2], packed, 0, len(data[0])),
    ]
    parts = [b"".join(struct.pack(">IHII", *node) for node in nodes), b"".join(data), b"".join(names)]
    begins = [20, 20 + len(parts[0]), 20 + len(parts[0]) + len(parts[1])]
    head = b"qres" + struct.pack(">4I", 1, *begins)
    resources = make_photos.QtResources(head + b"".join(parts))
    assert resources.read("a/b.txt") == b"plain"
    assert resources.read("/a/c.txt") == b"small"
    with pytest.raises(KeyError):
        resources.read("a/d.txt")


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
