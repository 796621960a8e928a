"""Turns what indexes found into what is shown of it: one database query for all hits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from gallery.models import Image
from search.extractors.resizing import Box
from search.live.finding.compiled_queries import CompiledQuery
from search.models import Embedding

_COLUMNS_SHOWN = (
    "pk", "dataset__slug", "category", "external_id", "filename", "file", "thumbnail", "width", "height",
    "sha256", "format",
)  # fmt: skip
_EMBEDDED_IMAGES = CompiledQuery(
    lambda number: Embedding.objects.filter(
        pk__in=range(number), image__deleted_at=None, image__missing_since=None
    ).values_list("pk", *(f"image__{name}" for name in _COLUMNS_SHOWN))
)


class ShownImage(NamedTuple):
    """What is shown of an image; `file` and `thumbnail` are names in the storage."""

    pk: int
    dataset: str
    category: str
    external_id: str | None
    filename: str
    file: str
    thumbnail: str
    width: int
    height: int
    sha256: str
    format: str


class Hit(NamedTuple):
    """One result; `score` is a cosine, higher is nearer.

    `probability` says how likely it is of the query's category, `percentile` which share of random pairs are
    less near; None where that is unknown. `box` is the part of the image that is alike, None for all of it.
    """

    rank: int
    score: float
    image: ShownImage
    probability: float | None = None
    percentile: float | None = None
    box: Box | None = None


class Candidate(NamedTuple):
    """A hit that is still a FAISS id; `merit` orders hits of different indexes, `score` is what is shown."""

    score: float
    embedding_id: int
    merit: float
    percentile: float | None = None
    box: Box | None = None


def shown(image: Image) -> ShownImage:
    """Return what is shown of a loaded image."""
    return ShownImage(
        pk=image.pk,
        dataset=image.dataset.slug,
        category=image.category,
        external_id=image.external_id,
        filename=image.filename,
        file=str(image.file.name),
        thumbnail=str(image.thumbnail.name),
        width=image.width,
        height=image.height,
        sha256=image.sha256,
        format=image.format,
    )


def images_of(embedding_ids: list[int]) -> dict[int, ShownImage]:
    """Return the images of embeddings by their ids, without what the database no longer has."""
    if not embedding_ids:
        return {}
    return {key: ShownImage._make(columns) for key, *columns in _EMBEDDED_IMAGES.rows(embedding_ids)}


def hits_of(
    candidates: list[Candidate],
    images: Mapping[int, ShownImage],
    probabilities: Mapping[int, float],
    left_out: Collection[int],
) -> list[Hit]:
    """Turn FAISS ids into hits in rank order, without images left out and those that are not among `images`.

    Of an image that is there several times, for parts of it, the first counts.
    """
    hits: list[Hit] = []
    passed = set(left_out)
    for candidate in candidates:
        image = images.get(candidate.embedding_id)
        if image is not None and image.pk not in passed:
            passed.add(image.pk)
            known = probabilities.get(candidate.embedding_id), candidate.percentile, candidate.box
            hits.append(Hit(len(hits) + 1, candidate.score, image, *known))
    return hits
