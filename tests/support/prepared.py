"""A state folder with the sample images imported, which tests of processes copy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support import services

DATASET = "pictures"


@dataclass(frozen=True)
class Prepared:
    """A state folder with the sample images imported, none of them extracted, and a staff token."""

    home: Path
    token: str


def copy_of(template: Prepared, home: Path) -> Prepared:
    """Return a copy in a new folder; what is only read is shared."""
    services.copy_state(template.home, home)
    return Prepared(home, template.token)
