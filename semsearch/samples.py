"""The sample images that come with the program."""

from __future__ import annotations

from pathlib import Path

from gallery.errors import NotFoundError
from gallery.system.home.shipped_files import shipped


def samples(name: str = "objects200") -> tuple[list[Path], list[str]]:
    """Return the files (n) of a sample dataset and the label of each: photos200, objects200 or clipart200.

    Raises: NotFoundError.
    """
    root = shipped("sample_data")
    files = sorted(file for file in (root / name).glob("*/*") if file.is_file())
    if not files:
        names = sorted(table.parent.name for table in root.glob("*/metadata.csv"))
        raise NotFoundError(f"There are no samples called {name!r}; there are {', '.join(names)}.")
    return files, [file.parent.name for file in files]
