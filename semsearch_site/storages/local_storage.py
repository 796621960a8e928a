"""Pictures in a folder of this machine."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.urls import get_script_prefix
from django.utils.encoding import filepath_to_uri


class LocalStorage(FileSystemStorage):
    """A folder, of whose files an answer names many: their addresses are put together, not resolved each."""

    @property
    def base_url(self) -> str:
        """Where stored files are for browsers, below the prefix under which the site is asked."""
        return get_script_prefix().rstrip("/") + str(settings.MEDIA_URL)

    def url(self, name: str | None) -> str:
        """Return the address of a file for a browser."""
        return self.addresses()(name)

    def addresses(self) -> Callable[[str | None], str]:
        """Return `url` for the files of one answer: what they begin with takes most of its time."""
        before = self.base_url
        return lambda name: f"{before}{(filepath_to_uri(name) or '').lstrip('/')}"
