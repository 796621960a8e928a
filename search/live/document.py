"""What is searched for: examples for and against, a filter, and where to look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from gallery.browse.where import EVERY_IMAGE, Where
from search.extractors.resizing import Box

Kind: TypeAlias = Literal["file", "url", "image", "vector", "upload"]
Source: TypeAlias = Literal["page", "api"]
Fold: TypeAlias = Literal["identical", "near"]
Grouping: TypeAlias = Literal["label", "cluster"]
CutoffMode: TypeAlias = Literal["probability", "percentile"]

MOST_EXAMPLES = 50
GROUPED = 200  # hits that fall into groups
MOST_WORDS = 10


@dataclass(frozen=True)
class Example:
    """An image to search with: exactly one of the first five, and how much it counts beside others.

    `vector` holds the numbers of features as they are stored, of the configuration that is searched. `data`
    are the bytes of a file. With a `box` only that part of the upright image is searched with.
    """

    image: int | None = None
    upload: str | None = None
    url: str | None = None
    vector: tuple[float, ...] | None = None
    data: bytes | None = None
    weight: float = 1.0
    box: Box | None = None

    @property
    def kind(self) -> Kind:
        """What is searched with."""
        if self.vector is not None:
            return "vector"
        if self.image is not None:
            return "image"
        return "url" if self.url is not None else "upload" if self.upload is not None else "file"


@dataclass(frozen=True)
class Cutoff:
    """Which hits are counted as below: those whose probability or percentile is less than `at`, 0 to 1."""

    mode: CutoffMode
    at: float


@dataclass(frozen=True)
class QueryDocument:
    """Examples, words or a text, a filter and the place of a page: all that a search can be asked.

    Images of `words` stand beside the examples, for each word as much as one. Of words alone what has them is
    found, and then what looks like it. A `text` stands alone: images that it describes are found, where a
    model that reads text is live. Without any of these images are listed, newest first. `datasets` are slugs,
    none for all; `index` is asked by its number instead of the live ones. `skipped` hits come before the
    page, or, where images are listed, it begins below the id `before`. Hits below the `cutoff` are counted,
    and found all the same. With `explain` each hit comes with the shares of the cells in its score. With
    `fold` hits that show the same are one, and pages count those; with `group` the first page says which
    groups the first hits fall into. Only hits that are `rated` have a probability and a percentile.
    """

    like: tuple[Example, ...] = ()
    unlike: tuple[Example, ...] = ()
    words: tuple[str, ...] = ()
    text: str = ""
    where: Where = EVERY_IMAGE
    datasets: tuple[str, ...] = ()
    index: int | None = None
    k: int = 20
    skipped: int = 0
    before: int | None = None
    cutoff: Cutoff | None = None
    explain: bool = False
    fold: Fold | None = None
    group: Grouping | None = None
    rated: bool = True
    source: Source = "api"

    @property
    def examples(self) -> tuple[Example, ...]:
        """All examples, for and against."""
        return self.like + self.unlike

    @property
    def asks_vectors(self) -> bool:
        """Whether examples or a text are compared with every vector, rather than words or a filter asked."""
        return bool(self.like or self.text)

    @property
    def kind(self) -> Kind | Literal["text", "words", "browse"]:
        """What is searched with in the first place."""
        if self.text:
            return "text"
        return self.like[0].kind if self.like else "words" if self.words else "browse"
