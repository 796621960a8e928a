"""The kinds of job of search; `search.registration` says who does each, in which queue and how urgent."""

from __future__ import annotations

from typing import Final

EXTRACT: Final = "extract"
INDEX: Final = "index"
EXPERIMENT: Final = "experiment"
PROMOTE: Final = "promote"
PROJECT: Final = "project"
VERIFY: Final = "verify"
WEIGHTS: Final = "weights"
PARTS: Final = "parts"
TUNE: Final = "tune"
WORDS: Final = "words"
