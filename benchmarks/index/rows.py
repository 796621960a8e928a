"""A database with a million embeddings for the index benchmark, kept in a state folder of its own.

The rows are those of an import and an extraction, but for the files: nothing here looks at a picture. Run as
a process on that folder: python -m benchmarks.index.rows COLLECTION COUNT.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.processes import as_part

if TYPE_CHECKING:
    from gallery.models import Dataset, Image

SLUG = "million"
BATCH = 2_000
WAITING = 1_000  # pictures without an embedding, to be added while searches go on


def fill(folder: Path, count: int) -> int:
    """Store `count` embeddings, each of an image of its own, and the images that wait; returns how many."""
    from benchmarks.index.million import kept_collection
    from gallery.models import Dataset, Image
    from search.features import feature_specs
    from search.models import Embedding

    made = kept_collection(folder, count)
    dataset, _ = Dataset.objects.get_or_create(slug=SLUG, defaults={"name": "A million tiles"})
    index = feature_specs.live_index(dataset)
    done = Embedding.objects.filter(dataset=dataset).count()
    Image.objects.filter(dataset=dataset, embeddings__isnull=True).delete()  # of a run that was broken off
    for start in range(done, count, BATCH):
        stop = min(count, start + BATCH)
        images = _images(dataset, range(start, stop), [str(label) for label in made.labels[start:stop]])
        Embedding.objects.bulk_create(
            Embedding(
                image=image, spec_id=index.spec_id, dataset=dataset, vector=vector.astype("<f2").tobytes()
            )
            for image, vector in zip(images, made.base[start:stop], strict=True)
        )
    _images(dataset, range(count, count + WAITING), [""] * WAITING)
    return Image.objects.filter(dataset=dataset).count()


def _images(dataset: Dataset, numbers: range, labels: list[str]) -> list[Image]:
    from gallery.models import Image

    return list(
        Image.objects.bulk_create(
            Image(
                dataset=dataset,
                sha256=hashlib.sha256(str(number).encode()).hexdigest(),
                file=f"images/{number}.png",
                thumbnail=f"thumbnails/{number}.webp",
                filename=f"{number}.png",
                category=label,
                width=320,
                height=320,
                size_bytes=10_000,
                format="PNG",
            )
            for number, label in zip(numbers, labels, strict=True)
        )
    )


if __name__ == "__main__":
    as_part(lambda: {"images": fill(Path(sys.argv[1]), int(sys.argv[2]))})
