"""Where the code is, and the files that come with it: beside `manage.py`, or in the installed package."""

from __future__ import annotations

import os
from pathlib import Path

CODE_ROOT = Path(__file__).resolve().parents[1]
IS_CHECKOUT = (CODE_ROOT / "manage.py").is_file()


def python_path() -> str:
    """Return the `PYTHONPATH` by which a process that is started finds the code, in whatever folder."""
    return os.pathsep.join([str(CODE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def shipped(name: str) -> Path:
    """Return the folder `templates`, `static`, `sample_data` or, where the documents are built, `site`."""
    return CODE_ROOT / name if IS_CHECKOUT else CODE_ROOT / "semsearch" / "shipped" / name
