"""What the API answers, as rows with typed fields, and lists of them that become frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

Row = TypeVar("Row", bound="Fields")


@dataclass(frozen=True, kw_only=True)
class Fields:
    """A row of the API; newer servers may send more than it has. `SCHEMA` is its name in `/api/schema/`."""

    SCHEMA: ClassVar[str]

    @classmethod
    def of(cls: type[Row], values: Mapping[str, Any], **more: Any) -> Row:
        """Return the row of an answer."""
        return cls(**{name: values[name] for name in columns(cls) if name in values}, **more)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {name: getattr(self, name) for name in columns(type(self))}


def columns(kind: type[Fields]) -> list[str]:
    """Return the names of the fields that come from an answer."""
    return [one.name for one in fields(kind) if not one.name.startswith("_")]


def library(name: str, extra: str = "") -> Any:
    """Return a library that the client does without. Raises: ModuleNotFoundError that says how it is had."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"This needs {name.partition('.')[0]}: pip install 'semsearch-client[{extra or name}]'", name=name
        ) from error


class Rows(Sequence[Row], Generic[Row]):
    """Rows in their order; `to_pandas`, `to_polars` and `to_arrow` make a frame of them."""

    def __init__(self, rows: Iterable[Row], kind: type[Row]) -> None:
        self._rows = tuple(rows)
        self._kind = kind

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        return self._rows[place]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        noun = self._kind.SCHEMA.removeprefix("Found").lower()
        return f"<{len(self):,} {noun}{'' if len(self) == 1 else 's'}>"

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name."""
        return {name: [getattr(row, name) for row in self._rows] for name in columns(self._kind)}

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame`. Needs `pip install semsearch-client[pandas]`."""
        return library("pandas").DataFrame(self.to_dict())

    def to_polars(self) -> Any:
        """Return a `polars.DataFrame`. Needs `pip install semsearch-client[polars]`."""
        return library("polars").DataFrame(self.to_dict(), strict=False)

    def to_arrow(self) -> Any:
        """Return a `pyarrow.Table`. Needs `pip install semsearch-client[arrow]`."""
        return library("pyarrow", "arrow").table(self.to_dict())


@dataclass(frozen=True, kw_only=True)
class DatasetFacts(Fields):
    """A dataset; `images` counts its images."""

    SCHEMA: ClassVar[str] = "Dataset"

    slug: str
    name: str
    description: str = ""
    images: int
    created_at: str
    url: str


@dataclass(frozen=True, kw_only=True)
class ImageFacts(Fields):
    """A stored image."""

    SCHEMA: ClassVar[str] = "Image"

    id: int
    dataset: str
    label: str
    labels: list[str]
    split: str = ""
    external_id: str | None
    metadata: dict[str, Any]
    filename: str
    url: str
    thumbnail: str
    page_url: str
    width: int
    height: int
    size_bytes: int
    format: str
    sha256: str
    created_at: str


@dataclass(frozen=True, kw_only=True)
class HitFacts(Fields):
    """A result: the id of the `image`, its `rank` from 1, and its `score`, a cosine, higher is nearer.

    `score` is None where nothing was searched with: of words or a filter alone.
    """

    SCHEMA: ClassVar[str] = "FoundHit"

    rank: int
    image: int
    score: float | None
    dataset: str
    label: str
    external_id: str | None
    filename: str
    width: int
    height: int
    sha256: str
    url: str
    thumbnail: str
    page_url: str


@dataclass(frozen=True, kw_only=True)
class JobFacts(Fields):
    """A job as it was when it was asked for; `result` is what it came to."""

    SCHEMA: ClassVar[str] = "Job"

    id: int
    kind: str
    state: str
    outcome: str
    dataset: str | None = None
    done: int = 0
    total: int = 0
    percent: int
    message: str = ""
    error: str = ""
    failed: int
    result: dict[str, Any] = field(default_factory=dict)
    active: bool
    attempts: int = 0
    retryable: bool
    created_at: str
    started_at: str | None = None
    finished_at: str | None = None


@dataclass(frozen=True, kw_only=True)
class FailedFile(Fields):
    """A file that a job could not use: `code` for programs, `reason` for people."""

    SCHEMA: ClassVar[str] = "FailedFile"

    id: int
    name: str
    code: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ExperimentFacts(Fields):
    """How well a configuration finds the images of a dataset; scores in percent, None without labels."""

    SCHEMA: ClassVar[str] = "Experiment"

    id: int
    dataset: str
    model: str
    layer: str
    pooling: str
    metric: str
    weighted_precision: float | None
    precision: float | None
    map: float | None
    k: int
    images: int
    input_size: int
    dims: int
    bytes_per_vector: int
    extract_ms: float | None
    computed_at: str
    stale: bool


@dataclass(frozen=True, kw_only=True)
class ProjectionFacts(Fields):
    """A map of a dataset under a layer; `trustworthiness` and `neighbour_agreement` are 0 to 1."""

    SCHEMA: ClassVar[str] = "Projection"

    id: int
    dataset: str
    model: str
    layer: str
    pooling: str
    method: str
    parameters: dict[str, Any]
    count: int
    fitted: int
    trustworthiness: float
    neighbour_agreement: float
    separation: float | None
    weighted_separation: float | None
    seconds: float
    computed_at: str
    stale: bool


@dataclass(frozen=True, kw_only=True)
class SavedSearchFacts(Fields):
    """A search that was saved under a name; `document` is what it asks."""

    SCHEMA: ClassVar[str] = "SavedSearch"

    id: int
    name: str
    mine: bool
    owner: str | None
    shared: bool
    document: dict[str, Any]
    created_at: str


@dataclass(frozen=True, kw_only=True)
class Model(Fields):
    """A network and its layers, each as the API describes it; `reason` says why it is not `available`."""

    SCHEMA: ClassVar[str] = "Model"

    name: str
    title: str
    input_size: int
    parameters: int
    baseline: bool
    layers: list[dict[str, Any]]
    available: bool
    reason: str


AnyHit = TypeVar("AnyHit", bound=HitFacts)


class Hits(Rows[AnyHit], Generic[AnyHit]):
    """The results of a search, nearest first.

    `ids` (n,) int64, `scores` (n,) float32 and `labels` are its columns; `searched` counts what could have
    been found, `timings_ms` are the stages on the server, `has_next` tells whether there is another page.
    `boxes` say which part of each image matches (x0, y0, x1, y1), None for all of it and where that is not
    known. `probabilities` (n,) float32 say how likely each is of the query's category, NaN where that is not
    known; of a search by words alone, of the word. `below_cutoff` counts the hits below the cut-off, None
    without one and where that is not known. `answered_by` names the models that read a text; with none there
    are no hits.
    """

    def __init__(self, rows: Iterable[AnyHit], kind: type[AnyHit], answer: Mapping[str, Any]) -> None:
        super().__init__(rows, kind)
        self.ids: NDArray[np.int64] = np.array([hit.image for hit in self], dtype=np.int64)
        self.scores: NDArray[np.float32] = np.array([hit.score for hit in self], dtype=np.float32)
        self.labels: list[str] = [hit.label for hit in self]
        self.searched = int(answer["searched"])
        self.has_next = bool(answer["has_next"] if "has_next" in answer else answer["next"])
        self.boxes: list[tuple[float, ...] | None] = [
            tuple(values["box"]) if values.get("box") else None for values in answer["hits"]
        ]
        told = [values.get("probability") for values in answer["hits"]]
        self.probabilities: NDArray[np.float32] = np.array(told, dtype=np.float32)
        self.below_cutoff: int | None = answer.get("below_cutoff")
        self.answered_by: list[str] = [
            one["model"] for one in (answer.get("text") or {}).get("answered_by", [])
        ]
        self.timings_ms: dict[str, float] = dict(answer["timings_ms"])
