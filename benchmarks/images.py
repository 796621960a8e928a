"""Which pictures the benchmarks use."""

from __future__ import annotations

from pathlib import Path

SAMPLES = Path(__file__).resolve().parent.parent / "sample_data"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def images(folder: Path | None) -> list[Path]:
    """Return the pictures below a folder, or the sample data's, in a fixed order."""
    return sorted(path for path in (folder or SAMPLES).rglob("*") if path.suffix.lower() in SUFFIXES)
