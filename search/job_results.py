"""What the kinds of job of search return."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class ExtractionResult(TypedDict):
    """What an extraction came to."""

    embeddings: int
    failed: int
    images_per_s: float
    seconds: float
    engine: NotRequired[str]
    passed_over: NotRequired[int]


class IndexResult(TypedDict):
    """The ids of the builds."""

    builds: list[int]


class ExperimentResult(TypedDict):
    """How many experiments were computed, and how many there were already."""

    experiments: int
    skipped: int


class ProjectionResult(TypedDict):
    """How many maps were made, and how many there were already."""

    projections: int
    skipped: int


class PromotionResult(TypedDict):
    """What a switch did: ids of the index that is live now and of the one before, and what that took."""

    index: int
    replaced: int | None
    generation: str
    embeddings: int
    failed: int


class PartsResult(TypedDict):
    """How many vectors of parts were stored, or, negative, forgotten, and how fast."""

    embeddings: int
    failed: int
    images_per_s: float
    seconds: float


class TuningResult(TypedDict):
    """What was learned of the labels of a dataset; `index` is None where the gain is within the noise."""

    offered: bool
    index: int | None
    categories: int
    labels: int
    weighted_precision: float
    weighted_precision_before: float


class WeightsResult(TypedDict):
    """The network whose weights a job got."""

    model: str


class WordsResult(TypedDict):
    """In how many images words were looked for."""

    images: int
    failed: int
    seconds: float


class VerificationReport(TypedDict):
    """What was counted, and whether everything agrees; `storage` is "right" or "away".

    `hidden` are images whose file is missing, as is known: they are shown again when it is back.
    """

    images: int
    embeddings: int
    indexed: int
    orphans: int
    missing: int
    ok: bool
    storage: str
    missing_originals: int
    missing_thumbnails: int
    missing_embeddings: int
    missing_indexed: int
    unknown_originals: int
    unknown_files: int
    unknown_indexed: int
    hidden: int
    in_bin: int
