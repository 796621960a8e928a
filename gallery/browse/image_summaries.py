"""What lists show of each image, as plain values, in one database query however many they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import TypedDict

from django.core.files.storage import default_storage
from django.urls import reverse

from gallery.browse import renditions
from gallery.models import Image

# how many ids one query may hold: SQLite takes 32,766 parameters
IDS_PER_QUERY = 30_000


class ImageSummary(TypedDict):
    """What lists show of an image; `shown_url` is its file or, where browsers show that not, a rendition."""

    id: int
    label: str
    filename: str
    thumbnail: str
    url: str
    shown_url: str
    page_url: str
    width: int
    height: int


def image_summaries(ids: Iterable[int]) -> dict[int, ImageSummary]:
    """Return what is shown of those of these images that still exist, by id."""
    wanted = list(ids)
    found: dict[int, ImageSummary] = {}
    for start in range(0, len(wanted), IDS_PER_QUERY):
        found |= _read(wanted[start : start + IDS_PER_QUERY])
    return found


def _read(ids: list[int]) -> dict[int, ImageSummary]:
    rows = Image.objects.filter(pk__in=ids).values_list(
        "pk", "category", "filename", "thumbnail", "file", "format", "width", "height", "dataset__slug"
    )
    addresses = Addresses()
    return {
        pk: {
            "id": pk,
            "label": label,
            "filename": filename,
            "thumbnail": addresses.file(thumbnail),
            "url": addresses.file(file),
            "shown_url": addresses.shown(pk, format_name, file),
            "page_url": addresses.page(slug, pk),
            "width": width,
            "height": height,
        }
        for pk, label, filename, thumbnail, file, format_name, width, height, slug in rows.order_by()
    }


class Addresses:
    """The addresses of what one answer shows.

    What they have in common is made once: to look that up for each takes longer than to read the rows.
    """

    def __init__(self) -> None:
        of_many = getattr(default_storage, "addresses", None)
        # of a file in the storage, by its name
        self.file: Callable[[str], str] = of_many() if of_many else default_storage.url
        self._around = cache(_around_the_id)

    def shown(self, pk: int, format_name: str, file: str) -> str:
        """Return the address of what browsers show of an image: its own file, or a rendition of that."""
        return self.file(file) if renditions.is_needless(format_name) else renditions.address_of(pk)

    def page(self, slug: str, pk: int) -> str:
        """Return the address of the page of an image."""
        before, after = self._around(slug)
        return f"{before}{pk}{after}"


def _around_the_id(slug: str) -> tuple[str, str]:
    before, _, after = reverse("gallery:image", args=[slug, 0]).rpartition("0")
    return before, after
