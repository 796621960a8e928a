"""The reference of files that semsearch writes: their marks and version numbers, as the code has them."""

from __future__ import annotations

from search.index.faiss import generation as faiss_generation
from search.index.milvus import generation as milvus_generation
from search.maintenance.backup import bundle
from search.maps import export


def as_markdown() -> str:
    """Return a row for each kind of file that has a version of its own."""
    rows = [
        ("backup", f"a tar archive; the last member is `{bundle.MANIFEST}`", f"`format` {bundle.FORMAT}"),
        (
            "generation of an index on FAISS",
            ", ".join(f"`{name}`" for name in (*faiss_generation.DATA_FILES, faiss_generation.MANIFEST_FILE)),
            f"`format` {faiss_generation.FORMAT}",
        ),
        (
            "generation of an index on Milvus",
            "a collection and its properties",
            f"`format` {milvus_generation.FORMAT}",
        ),
        ("points of a map", f"begins with `{export.MAGIC.decode()}`", f"version {export.VERSION}"),
    ]
    return "\n".join(["| file | how it is known | version |", "|---|---|---|", *map(_row, rows)])


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
