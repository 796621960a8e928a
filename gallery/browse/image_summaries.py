"""What lists show of each picture, as plain values, in one database query however many they are."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from django.core.files.storage import default_storage
from django.urls import reverse

from gallery.models import Image

# how many ids one query may hold: SQLite takes 32,766 parameters
IDS_PER_QUERY = 30_000


def image_summaries(ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return what is shown of those of these pictures that still exist, by id."""
    wanted = list(ids)
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(wanted), IDS_PER_QUERY):
        found |= _described(wanted[start : start + IDS_PER_QUERY])
    return found


def _described(ids: list[int]) -> dict[int, dict[str, Any]]:
    rows = Image.objects.filter(pk__in=ids).values_list(
        "pk", "category", "filename", "thumbnail", "file", "width", "height", "dataset__slug"
    )
    page = cache(page_address)
    return {
        pk: {
            "id": pk,
            "label": label,
            "filename": filename,
            "thumbnail": default_storage.url(thumbnail),
            "url": default_storage.url(file),
            "page_url": f"{page(slug)[0]}{pk}{page(slug)[1]}",
            "width": width,
            "height": height,
        }
        for pk, label, filename, thumbnail, file, width, height, slug in rows.order_by()
    }


def page_address(slug: str) -> tuple[str, str]:
    """Return what stands before and after the id in the addresses of a dataset's picture pages.

    Made once a dataset: reversing each address takes longer than reading the rows.
    """
    before, _, after = reverse("gallery:image", args=[slug, 0]).rpartition("0")
    return before, after
