"""The folders of the image storage that search keeps files of its own in."""

from __future__ import annotations

from typing import Final

FEATURE_MAPS: Final = "feature-maps"  # one folder an image below it
QUERY_UPLOADS: Final = "query-uploads"  # images that were sent to search with, named by their ends
