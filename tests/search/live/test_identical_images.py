"""Images of the same pixels have the score 1.0, whatever else a dataset holds and however it is asked."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from gallery.models import Dataset
from search.live.query import SearchRequest, search
from tests.conftest import import_folder, sample_files

pytestmark = pytest.mark.django_db
COPIES = 11  # from ten images on a dataset has a centre


def copy_of(file: Path, number: int) -> bytes:
    """Return the pixels of an image in a file of other bytes."""
    note, out = PngInfo(), io.BytesIO()
    note.add_text("Copy", str(number))
    with Pillow.open(file) as image:
        image.convert("RGB").save(out, "PNG", pnginfo=note)
    return out.getvalue()


def folder_of(root: Path, *files: bytes) -> Path:
    root.mkdir()
    for number, data in enumerate(files):
        (root / f"{number:02}.png").write_bytes(data)
    return root


def scores(dataset: str | None, **asked: object) -> list[float]:
    return [round(hit.score, 6) for hit in search(SearchRequest(dataset=dataset, k=30, **asked)).hits]  # type: ignore[arg-type]


def test_the_same_image_has_the_score_one(tmp_path: Path) -> None:
    file, *others = sample_files("objects200", "coins", 12)
    same = [copy_of(file, number) for number in range(COPIES)]
    for slug, files in {
        "same": same,
        "all-but-one": [*same, others[0].read_bytes()],
        "two": [*same[:2], *(other.read_bytes() for other in others)],
        "few": same[:3],
    }.items():
        dataset = Dataset.objects.create(slug=slug, name=slug)
        import_folder(dataset, folder_of(tmp_path / slug, *files))
        like = {"same": COPIES, "all-but-one": COPIES, "two": 2, "few": 3}[slug]
        first = dataset.images.get(filename="00.png").pk
        found = {
            "by file": (scores(slug, data=same[0]), like),
            "by image": (scores(slug, image_id=first), like - 1),
        }
        for how, (given, expected) in found.items():
            assert given[:expected] == [1.0] * expected, (slug, how, given)
            assert all(score < 0.999 for score in given[expected:]), (slug, how, given)
    over_all = scores(None, data=same[0])
    assert over_all[: 2 * COPIES + 5] == [1.0] * (2 * COPIES + 5)
