"""The images of a saved search that no dataset has: taken from uploads and addresses, and kept with it.

The picture is kept, not its vector: a vector is of one configuration, and means nothing to the next one that
is promoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.db.models import Sum
from django.db.models.functions import Length
from django.utils.crypto import get_random_string

from gallery.imaging import decoding, thumbnails
from gallery.imaging.limits import image_limits
from gallery.ingest.fetching import fetch_image
from search.live import long_searches
from search.live.examples import uploads
from search.models import SavedExample, SavedSearch

AS_IT_IS_BYTES = 2**20  # a larger file is kept as a copy of fewer pixels
COPY_SIDE = 1024  # pixels, of the long side: more than any network here takes
NAMES = ("upload", "url")


@dataclass(frozen=True)
class Taken:
    """Images that were read: the bytes by the name and the value that an example had for it, and new keys."""

    keys: dict[tuple[str, str], str]
    data: dict[str, bytes]

    def renamed(self, example: Mapping[str, Any]) -> dict[str, object]:
        """Return an example that names the kept image in the place of the one it had."""
        source = _source(example)
        if source is None:
            return dict(example)
        others = {name: value for name, value in example.items() if name not in NAMES}
        return {"upload": self.keys[source], **others}

    def readdressed(self, address: str) -> str:
        """Return the query part of an address that names the kept images in the places of those it had."""
        pairs = parse_qsl(address.removeprefix("?"), keep_blank_values=True)
        new = [("upload", self.keys[pair]) if pair in self.keys else pair for pair in pairs]
        return address if new == pairs else f"?{urlencode(new)}".replace("%2C", ",")

    @property
    def size_bytes(self) -> int:
        """How much they take."""
        return sum(map(len, self.data.values()))

    def keep(self, search: SavedSearch) -> None:
        """Store them as those of a saved search."""
        SavedExample.objects.bulk_create(
            SavedExample(search=search, key=key, data=data) for key, data in self.data.items()
        )


def taken(examples: Iterable[Mapping[str, Any]]) -> Taken:
    """Return the images of examples (as the JSON of a query document has them) that no dataset has.

    Raises: NotFoundError for an upload that is gone; NotAnImageError, TooLargeError, AddressRefusedError,
    FetchFailedError, BusyError for an image.
    """
    found = Taken({}, {})
    sources = list(dict.fromkeys(filter(None, map(_source, examples))))
    with long_searches.place() if len(sources) > long_searches.FEW_READ else nullcontext():
        for source in sources:
            key = f"{uploads.KEPT}{get_random_string(22)}"
            with long_searches.reading() as left_s:
                found.keys[source], found.data[key] = key, _kept(_read(*source, left_s))
    return found


def kept_bytes(owner_id: int) -> int:
    """Return how much the images take that are kept with the saved searches of an account."""
    kept = SavedExample.objects.filter(search__owner=owner_id).aggregate(size=Sum(Length("data")))
    return int(kept["size"] or 0)


def _source(example: Mapping[str, Any]) -> tuple[str, str] | None:
    return next(((name, str(example[name])) for name in NAMES if example.get(name)), None)


def _read(name: str, value: str, within_s: float) -> bytes:
    return uploads.read(value) if name == "upload" else fetch_image(value, within_s).data


def _kept(data: bytes) -> bytes:
    """Return the file, or a copy of fewer pixels of a large one. Raises: what decoding does."""
    if len(data) <= AS_IT_IS_BYTES:
        decoding.check(data, image_limits())
        return data
    with decoding.held(data, image_limits(), shortest_side=COPY_SIDE) as (_, rgb):
        return thumbnails.thumbnail(rgb, COPY_SIDE)
