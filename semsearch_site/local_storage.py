"""Pictures in a folder of this machine."""

from __future__ import annotations

from django.core.files.storage import FileSystemStorage
from django.utils.encoding import filepath_to_uri


class LocalStorage(FileSystemStorage):
    """A folder, of whose files a page shows many: their addresses are put together, not resolved each."""

    def url(self, name: str | None) -> str:
        """Return the address of a file for a browser."""
        return f"{self.base_url}{(filepath_to_uri(name) or '').lstrip('/')}"
