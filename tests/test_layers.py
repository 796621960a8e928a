"""The architecture: which module may import which, and what starting Django must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("tensorflow", "keras", "openvino", "faiss", "umap", "sklearn", "numba", "pymilvus")
DOORS = (
    "gallery.imaging.decoding", "gallery.imaging.resizing", "gallery.imaging.thumbnails",
    "gallery.ingest.archives", "gallery.ingest.download", "gallery.ingest.addresses",
    "gallery.ingest.member_names", "gallery.ingest.zip_structure",
    "search.extractors", "search.index", "search.projections",
)  # fmt: skip
PURE = ("gallery.errors", "gallery.system.cores", "search.types", "search.metrics")
SERVICES = (
    "gallery.ingest.importing", "gallery.ingest.removal", "gallery.jobs", "search.features", "search.indexing",
    "search.embedding", "search.live", "search.experiments", "search.maps", "search.maintenance",
)  # fmt: skip
OUTER = ("search.views", "search.api", "gallery.views", "gallery.api", "gallery.admin", "search.management")


def modules() -> dict[str, Path]:
    """Return every module of the two applications by its dotted name."""
    files = [file for app in ("gallery", "search") for file in (ROOT / app).rglob("*.py")]
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files
        if "migrations" not in file.parts
    }


def imports(file: Path, *, top_only: bool = False) -> set[str]:
    """Return the dotted names a module imports, with the names taken from them."""
    tree = ast.parse(file.read_text())
    nodes = tree.body if top_only else ast.walk(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def within(name: str, packages: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of the packages or below one."""
    return any(name == package or name.startswith(package + ".") for package in packages)


def violations(inside: tuple[str, ...], forbidden: tuple[str, ...]) -> list[str]:
    """Return the imports that modules inside must not make."""
    return [
        f"{name} imports {imported}"
        for name, file in modules().items()
        if within(name, inside)
        for imported in imports(file)
        if within(imported, forbidden)
    ]


def test_the_gallery_never_imports_search() -> None:
    assert not violations(("gallery",), ("search",))


def test_doors_and_pure_modules_know_neither_django_nor_models_nor_services() -> None:
    forbidden = ("django", "rest_framework", "celery", "gallery.models", "search.models", *SERVICES, *OUTER)
    assert not violations(DOORS + PURE, forbidden)


def test_pure_modules_know_no_door() -> None:
    assert not violations(PURE, DOORS)


def test_services_know_nothing_of_pages_and_interfaces() -> None:
    assert not violations(SERVICES, OUTER)


def test_pages_and_interfaces_never_open_a_door() -> None:
    interfaces = tuple(f"search.{feature}.api" for feature in ("features", "live", "experiments", "maps"))
    assert not violations(("search.views", "gallery.views", "gallery.api", *interfaces), DOORS)


def test_heavy_libraries_are_imported_only_where_they_are_used() -> None:
    found = [
        f"{name} imports {imported} at its top"
        for name, file in modules().items()
        for imported in imports(file, top_only=True)
        if within(imported, HEAVY)
    ]
    assert not found


def test_a_forbidden_import_would_be_seen(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from search.models import Embedding\n")
    assert "search.models.Embedding" in imports(bad)


@pytest.mark.parametrize("statement", ["import django; django.setup()", "import semsearch_site.wsgi"])
def test_starting_django_loads_no_heavy_library(statement: str) -> None:
    script = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'semsearch_site.settings'\n"
        f"{statement}\nfrom django.urls import resolve; resolve('/live/')\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
