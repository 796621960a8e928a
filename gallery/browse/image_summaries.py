"""What lists show of each image, as plain values, in one database query however many they are."""

from __future__ import annotations

from collections.abc import Iterable
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
    page = cache(page_address)
    return {
        pk: {
            "id": pk,
            "label": label,
            "filename": filename,
            "thumbnail": default_storage.url(thumbnail),
            "url": default_storage.url(file),
            "shown_url": renditions.address_of(pk, format_name, file),
            "page_url": f"{page(slug)[0]}{pk}{page(slug)[1]}",
            "width": width,
            "height": height,
        }
        for pk, label, filename, thumbnail, file, format_name, width, height, slug in rows.order_by()
    }


def page_address(slug: str) -> tuple[str, str]:
    """Return what stands before and after the id in the addresses of a dataset's picture pages.

    Made once a dataset: reversing each address takes longer than reading the rows.
    """
    before, _, after = reverse("gallery:image", args=[slug, 0]).rpartition("0")
    return before, after
