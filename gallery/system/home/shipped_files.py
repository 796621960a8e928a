"""Where the code is, and the files that come with it: beside `manage.py`, or in the installed package."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CODE_ROOT = Path(__file__).resolve().parents[3]
IS_CHECKOUT = (CODE_ROOT / "manage.py").is_file()


def program() -> str:
    """Return what people type before the name of a command where this runs, as `semsearch`.

    In a checkout that is `manage.py` by the Python of its `.venv`, where this is that one.
    """
    if not IS_CHECKOUT:
        return "semsearch"
    own = Path(sys.prefix).parent == CODE_ROOT
    return f"{Path(sys.prefix).name}/bin/python manage.py" if own else "python manage.py"


def python_path() -> str:
    """Return the `PYTHONPATH` by which a process that is started finds the code, in whatever folder."""
    return os.pathsep.join([str(CODE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def shipped(name: str) -> Path:
    """Return the folder `templates`, `static`, `sample_data` or, where the documents are built, `site`."""
    return CODE_ROOT / name if IS_CHECKOUT else CODE_ROOT / "semsearch" / "shipped" / name
