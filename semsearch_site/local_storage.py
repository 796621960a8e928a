"""Pictures in a folder of this machine."""

from __future__ import annotations

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.urls import get_script_prefix
from django.utils.encoding import filepath_to_uri


class LocalStorage(FileSystemStorage):
    """A folder, of whose files a page shows many: their addresses are put together, not resolved each."""

    @property
    def base_url(self) -> str:
        """Where stored files are for browsers, below the prefix under which the site is asked."""
        return get_script_prefix().rstrip("/") + str(settings.MEDIA_URL)

    def url(self, name: str | None) -> str:
        """Return the address of a file for a browser."""
        return f"{self.base_url}{(filepath_to_uri(name) or '').lstrip('/')}"
