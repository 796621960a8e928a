"""The version of semsearch: the one place that says it, for pages, probes, backups and homes."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.2.0"
# Of the files of a home and what its rows mean. Raise it when an older release would misread what this one
# writes, though it knew every migration: it then refuses the home.
HOME_FORMAT: Final = 1
# of homes that say nothing: whatever wrote them did not know its version
FIRST_VERSION: Final = "0.1.0"
