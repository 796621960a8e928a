"""Gives an installation of the project the dependencies of requirements.txt, so that there is one list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class RequirementsHook(MetadataHookInterface):  # type: ignore[misc]  # it is not typed
    """Reads requirements.txt when a wheel is built."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the dependencies."""
        metadata["dependencies"] = requirements(Path(self.root) / "requirements.txt")


def requirements(file: Path) -> list[str]:
    """Return the requirements of a file, without comments."""
    lines = (line.partition("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]
