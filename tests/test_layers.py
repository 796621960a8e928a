"""The architecture: which module may import which, and what starting Django must not load.

Every module stands in exactly one layer and imports only from its own and lower ones.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("gallery", "search", "semsearch", "semsearch_site", "benchmarks")
HEAVY = ("tensorflow", "keras", "openvino", "faiss", "umap", "sklearn", "numba", "pymilvus")

# From the ground up. A module belongs to the layer that names it or, failing that, its nearest package.
LAYERS: dict[str, tuple[str, ...]] = {
    "pure": (
        "gallery", "gallery.errors", "gallery.version", "gallery.job_labels", "gallery.public_text",
        "gallery.access.audit_actions", "gallery.access.scopes", "gallery.imaging.types",
        "gallery.ingest.sources.labels", "gallery.system.concurrency.cores",
        "gallery.system.home.media_folders", "gallery.system.home.shipped_files",
        "gallery.system.log_context", "gallery.system.measuring", "gallery.vocabulary",
        "search", "search.types", "search.metrics", "search.job_kinds", "search.job_results",
        "search.stored_folders", "search.damage",
    ),
    "doors": (
        "gallery.imaging", "gallery.ingest.addresses", "gallery.ingest.download", "gallery.ingest.sources",
        "search.extractors", "search.index", "search.projections", "search.tuned",
    ),
    "library": ("semsearch",),  # what notebooks import: it knows no Django either
    "models": (
        "gallery.accounts.models", "gallery.models", "gallery.shown_rows", "gallery.signals",
        "gallery.words.models",
        "gallery.system.models", "search.models", "search.saved.models",
    ),
    "gallery: outages": (
        "gallery.system.home.disk_space", "gallery.system.outages", "gallery.system.storage",
    ),
    "gallery: counts": ("gallery.counts",),
    "gallery: access": (
        "gallery.access", "gallery.accounts.authentication", "gallery.accounts.first_account",
        "gallery.accounts.known_browsers", "gallery.accounts.lockout", "gallery.accounts.password_backend",
        "gallery.accounts.tokens",
    ),
    "gallery: system": ("gallery.system",),
    "gallery: stored images": ("gallery.imaging.limits", "gallery.imaging.sprite_sheets"),
    "gallery: jobs": ("gallery.jobs",),
    "gallery: ingest": ("gallery.ingest",),
    "gallery: words": ("gallery.words",),
    "gallery: browse": ("gallery.browse",),
    "gallery: outside": (
        "gallery.accounts", "gallery.admin", "gallery.api", "gallery.apps", "gallery.bin_notices",
        "gallery.checks", "gallery.forms", "gallery.management", "gallery.registration", "gallery.tasks",
        "gallery.templatetags", "gallery.urls", "gallery.views",
    ),
    "search: features": ("search.features",),
    "search: indexing": ("search.indexing",),
    "search: embedding": ("search.embedding",),
    "search: words": ("search.words",),
    "search: live": ("search.live",),
    "search: saved": ("search.saved",),
    "search: experiments": ("search.experiments",),
    "search: maps": ("search.maps",),
    "search: maintenance": ("search.maintenance",),
    "search: outside": (
        "search.admin", "search.api", "search.apps", "search.checks", "search.counting", "search.management",
        "search.registration", "search.tasks", "search.templatetags", "search.urls", "search.views",
    ),
    "site": ("semsearch_site",),
    "benchmarks": ("benchmarks",),
}  # fmt: skip
MOST_SIDE_BY_SIDE = 16
# Modules that parse a request and render an answer, by their last name; services know none of them.
INTERFACES = (
    "admin",
    "api",
    "cutoff_fields",
    "forms",
    "grouping_fields",
    "index_api",
    "tuning_api",
    "models_api",
    "serializers",
    "index_serializers",
    "explanation_serializers",
    "urls",
    "views",
    "where_fields",
)


@cache
def modules() -> dict[str, Path]:
    """Return every module of the product and its benchmarks by its dotted name."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files
        if "migrations" not in file.parts
    }


@cache
def imports(file: Path, *, top_only: bool = False) -> frozenset[str]:
    """Return the dotted names a module imports, with the names taken from them."""
    tree = ast.parse(file.read_text())
    found: set[str] = set()
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


@cache
def imported_modules(name: str) -> frozenset[str]:
    """Return our own modules that a module imports, the packages above them left out."""
    found = {imported for imported in imports(modules()[name]) if imported in modules()}
    return frozenset(one for one in found - {name} if not any(other.startswith(f"{one}.") for other in found))


def layer_of(name: str) -> str | None:
    """Return the layer that a module belongs to: that of its longest prefix in LAYERS; None when unknown."""
    while name:
        for layer, members in LAYERS.items():
            if name in members and (name in modules() or name in PACKAGES):
                return layer
        name = name.rpartition(".")[0]
        if name in ("gallery", "search"):
            return None  # a new module of an application has to be put into a layer
    return None


def within(name: str, packages: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of the packages or below one."""
    return any(name == package or name.startswith(package + ".") for package in packages)


def is_interface(name: str) -> bool:
    """Whether a module parses requests and renders answers."""
    return any(part in INTERFACES for part in name.split("."))


def arrows() -> Iterator[tuple[str, str]]:
    """Yield each import of one of our modules by another: importer, imported."""
    for name in modules():
        for imported in imported_modules(name):
            yield name, imported


def test_every_module_stands_in_exactly_one_layer() -> None:
    assert [name for name in modules() if layer_of(name) is None] == []
    named = [member for members in LAYERS.values() for member in members]
    assert sorted(named) == sorted(set(named)), "named in two layers"
    assert [member for member in named if member not in modules()] == [], "named, but not there"


def test_no_folder_holds_more_modules_than_one_can_take_in() -> None:
    # Django wants the commands of an application side by side; who measures one thing opens its benchmark
    files = [*modules().values(), *(ROOT / "static" / "js").rglob("*.js")]
    folders = Counter(file.parent.relative_to(ROOT) for file in files if file.name != "__init__.py")
    full = {str(folder): number for folder, number in folders.items() if number > MOST_SIDE_BY_SIDE}
    assert full.keys() <= {"benchmarks", "search/management/commands"}, full


def test_no_module_imports_from_a_layer_above_its_own() -> None:
    height = {layer: number for number, layer in enumerate(LAYERS)}
    upward = [
        f"{name} ({layer_of(name)}) imports {imported} ({layer_of(imported)})"
        for name, imported in arrows()
        if height[layer_of(imported) or "pure"] > height[layer_of(name) or "pure"]
    ]
    assert upward == []


def test_no_circle_of_imports_even_inside_functions() -> None:
    try:
        TopologicalSorter({name: imported_modules(name) for name in modules()}).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_what_lies_side_by_side_in_a_folder_knows_one_another_one_way_only() -> None:
    # a network that is brought is looked at by an engine, and an engine asks which networks there are
    folders = {name.rpartition(".")[0] for name in modules() if name.count(".") > 1} - {"search.extractors"}
    for folder in folders:
        rooms: dict[str, set[str]] = {}
        for name, imported in arrows():
            if within(name, (folder,)) and within(imported, (folder,)) and folder not in (name, imported):
                one, other = (each.split(".")[folder.count(".") + 1] for each in (name, imported))
                if one != other:
                    rooms.setdefault(one, set()).add(other)
        try:
            TopologicalSorter(rooms).prepare()
        except CycleError as error:
            pytest.fail(f"{folder}: " + " -> ".join(error.args[1]))


def test_the_gallery_never_imports_search() -> None:
    assert [pair for pair in arrows() if within(pair[0], ("gallery",)) and within(pair[1], ("search",))] == []


def test_doors_and_pure_modules_know_no_django_and_pure_modules_no_door() -> None:
    frameworks = ("django", "rest_framework", "celery")
    bad = [
        f"{name} imports {imported}"
        for name, file in modules().items()
        if layer_of(name) in ("pure", "doors", "library")
        for imported in imports(file)
        if within(imported, frameworks)
    ]
    assert bad == []


def test_services_know_no_interface_and_interfaces_open_no_door() -> None:
    outside = ("gallery: outside", "search: outside", "site", "benchmarks")
    for name, imported in arrows():
        if is_interface(name):
            assert layer_of(imported) != "doors", f"{name} opens {imported}"
        elif layer_of(name) not in outside:
            assert not is_interface(imported), f"{name} imports {imported}"


def test_pixels_of_strangers_are_held_while_they_count() -> None:
    ours = {
        "gallery.imaging.decoding", "gallery.imaging.sprite_sheets", "search.extractors.engines.precision",
        "search.features.layer_images", "semsearch.features",
    }  # fmt: skip
    calls = ("decoding.decode(", "decoding.decode_with_facts(", "return decode_with_facts(")
    found = {
        name
        for name, file in modules().items()
        if not name.startswith("benchmarks") and any(call in file.read_text() for call in calls)
    }
    assert found == ours


def test_heavy_libraries_are_imported_only_where_they_are_used() -> None:
    found = [
        f"{name} imports {imported} at its top"
        for name, file in modules().items()
        if not within(name, ("benchmarks",))
        for imported in imports(file, top_only=True)
        if within(imported, HEAVY)
    ]
    assert not found


def test_a_module_that_no_layer_names_would_be_seen() -> None:
    assert layer_of("gallery.novelties") is None
    assert layer_of("search.live.novelties") == "search: live"
    assert layer_of("gallery.imaging.limits") == "gallery: stored images"
    assert layer_of("gallery.imaging.decoding") == "doors"


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
