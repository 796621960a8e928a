"""Which pictures the benchmarks use."""

from __future__ import annotations

from pathlib import Path

SAMPLES = Path(__file__).resolve().parent.parent / "sample_data"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
# not the photographs, which came later: figures of before can be compared with those of today
MEASURED_ON = ("clipart200", "objects200")


def images(folder: Path | None) -> list[Path]:
    """Return the pictures below a folder, or those of two sample datasets, in a fixed order."""
    folders = [folder] if folder else [SAMPLES / name for name in MEASURED_ON]
    return sorted(path for one in folders for path in one.rglob("*") if path.suffix.lower() in SUFFIXES)
