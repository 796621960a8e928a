"""An index without images or a network behind it, and the ways in which its files are damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gallery.models import Dataset, Image
from search.features import feature_specs
from search.indexing import backends, builds
from search.models import Embedding, SearchIndex

COUNT = 60


def published_index(slug: str = "mine") -> SearchIndex:
    """Return the live index of a new dataset, with a published generation of some vectors by chance."""
    dataset = Dataset.objects.create(slug=slug, name=slug.title())
    index = feature_specs.live_index(dataset)
    add_vectors(index, COUNT)
    builds.rebuild(index)
    return SearchIndex.objects.select_related("dataset", "spec").get(pk=index.pk)


def add_vectors(index: SearchIndex, count: int) -> None:
    """Add images, of which there is no file, and their vectors."""
    held = Image.objects.filter(dataset=index.dataset).count()
    vectors = np.random.default_rng(held).normal(size=(count, index.spec.dims)).astype("<f2")
    images = [
        Image(
            dataset=index.dataset, sha256=f"{index.pk}-{held + number}",
            file=f"images/{number}.png", thumbnail=f"thumbnails/{number}.png", filename="a.png",
            width=1, height=1, size_bytes=1, format="PNG",
        )
        for number in range(count)
    ]  # fmt: skip
    Image.objects.bulk_create(images)
    Embedding.objects.bulk_create(
        Embedding(image=image, spec=index.spec, dataset=index.dataset, vector=vector.tobytes())
        for image, vector in zip(images, vectors, strict=True)
    )


def generation_of(index: SearchIndex) -> Path:
    """Return the folder of the generation that serves."""
    folder = backends.faiss_store().current_folder(index.store_name)
    assert folder is not None
    return folder


def truncate(folder: Path, name: str) -> None:
    """Cut a file of a generation short, in place."""
    with (folder / name).open("r+b") as file:
        file.truncate((folder / name).stat().st_size // 2)


def flip(folder: Path, name: str) -> None:
    """Let one bit of a file of a generation be another."""
    path = folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def remove(folder: Path, name: str) -> None:
    """Remove a file of a generation."""
    (folder / name).unlink()


def close(folder: Path, name: str) -> None:
    """Let a file be one that nobody can read, not even the administrator."""
    (folder / name).unlink()
    (folder / name).symlink_to(name)


def remove_all(folder: Path, name: str) -> None:
    """Remove the index with all its generations."""
    shutil.rmtree(folder.parent)


DAMAGES: dict[str, Callable[[Path, str], None]] = {
    "truncated": truncate, "flipped": flip, "missing": remove, "unreadable": close, "gone": remove_all,
}  # fmt: skip
