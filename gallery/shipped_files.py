"""Where the files are that come with the program: beside `manage.py`, or in the installed package."""

from __future__ import annotations

from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
IS_CHECKOUT = (_ROOT / "manage.py").is_file()


def shipped(name: str) -> Path:
    """Return the folder `templates`, `static`, `sample_data` or, where the documents are built, `site`."""
    return _ROOT / name if IS_CHECKOUT else _ROOT / "semsearch" / "shipped" / name
