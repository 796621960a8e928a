"""Pictures in an S3-compatible object storage, shown through this site or by signed addresses."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from storages.backends.s3 import S3Storage


class ObjectStorage(S3Storage):  # type: ignore[misc]  # comes without types
    """An S3 bucket; `STORAGE_SIGNED` says who hands out its files.

    Without it addresses are this site's own, which reads the bucket: nobody else has to reach it. With it
    the browser fetches from the storage itself, by addresses that expire.
    """

    def url(self, name: str | None, *args: Any, **kwargs: Any) -> str:
        """Return the address of a file for a browser."""
        if settings.STORAGE_SIGNED:
            return str(super().url(name, *args, **kwargs))
        return reverse("gallery:media", args=[name])
