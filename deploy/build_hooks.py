"""What a wheel of the project is given when it is built.

These are its dependencies, of which there is one list, and the documents, where `make docs` built them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface


class RequirementsHook(MetadataHookInterface):  # type: ignore[misc]  # it is not typed
    """Reads requirements.txt."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the dependencies."""
        metadata["dependencies"] = requirements(Path(self.root) / "requirements.txt")


class DocumentsHook(BuildHookInterface):  # type: ignore[misc]
    """Puts the built documents in."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the folder, if there is one; `gallery/system/home/shipped_files.py` finds it."""
        site = Path(self.root) / "site"
        if (site / "index.html").is_file():
            build_data["force_include"][str(site)] = "semsearch/shipped/site"


def requirements(file: Path) -> list[str]:
    """Return the requirements of a file, without comments."""
    lines = (line.partition("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]
