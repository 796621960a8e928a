"""What a token may be used for."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """Each stands alone: who writes and reads needs both. A token never does more than its owner may."""

    READ = "read"
    SEARCH = "search"
    WRITE = "write"
    ADMIN = "admin"
