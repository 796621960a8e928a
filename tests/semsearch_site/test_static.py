"""Static files: all under names of their content, so that browsers may keep them for ever."""

from __future__ import annotations

import json
import os
import posixpath
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles.finders import get_finder
from django.core.management import call_command
from django.test import Client

from gallery.models import Dataset
from semsearch_site.assets import static

HASHED = re.compile(r"\.[0-9a-f]{12}\.\w+$")
# not those of types, which stand in comments
IMPORTED = re.compile(r"""^(?:import|export)\b[^;]*?["'](\.{1,2}/[^"']+)["'];""", re.MULTILINE)


def manifest() -> dict[str, str]:
    """Return the name of each static file -> the name of its content."""
    paths: dict[str, str] = json.loads((settings.STATIC_ROOT / "staticfiles.json").read_text())["paths"]
    return paths


def own_modules() -> list[str]:
    """Return the hashed names of the scripts of this project."""
    folder = Path(settings.BASE_DIR) / "static"
    return [manifest()[str(path.relative_to(folder))] for path in sorted(folder.rglob("*.js"))]


def _from(module: str, imported: str) -> str:
    """Return the path of what a module imports by a relative address."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(module), imported))


@pytest.mark.usefixtures("collected_static_files")
def test_a_module_imports_others_by_the_names_of_their_content() -> None:
    known = set(manifest().values())
    imports = 0
    for name in own_modules():
        assert HASHED.search(name)
        for imported in IMPORTED.findall((settings.STATIC_ROOT / name).read_text()):
            imports += 1
            assert _from(name, imported) in known, f"{name} imports {imported}"
    assert imports > 50


@pytest.mark.usefixtures("collected_static_files")
def test_scripts_lie_there_compressed_as_well_and_source_maps_do_not() -> None:
    names = manifest().values()
    compressed = {Path(name).suffix for name in names if (settings.STATIC_ROOT / f"{name}.gz").exists()}
    assert {".js", ".css"} <= compressed
    assert ".map" in {Path(name).suffix for name in names} - compressed


@pytest.mark.usefixtures("collected_static_files")
def test_what_is_collected_is_collected_anew_only_when_its_content_differs(
    tmp_path: Path, settings: Any
) -> None:
    script = tmp_path / "sources" / "mine.js"
    script.parent.mkdir()
    script.write_text("export const one = 1;\n")
    settings.STATICFILES_DIRS = [script.parent]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "collected"
    get_finder.cache_clear()  # type: ignore[attr-defined]
    collected = settings.STATIC_ROOT / static.COLLECTED_FILE

    def collects() -> bool:
        said = StringIO()
        call_command("collectstatic", interactive=False, if_changed=True, stdout=said)
        return "are collected already" not in said.getvalue()

    try:
        assert static.is_stale()
        assert collects()
        assert not collects()
        os.utime(script, (1, 1))  # as in an image, or after a checkout
        assert not static.is_stale()
        script.write_text("export const one = 2;\n")
        assert static.is_stale()
        static.collect_changed()
        assert not static.is_stale()
        collected.unlink()  # the last thing that is written: without it a run was broken off
        assert collects()
    finally:
        get_finder.cache_clear()  # type: ignore[attr-defined]


def test_a_folder_for_static_files_that_cannot_be_written_is_said(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "file").touch()
    settings.STATIC_ROOT = tmp_path / "file"
    with pytest.raises(static.StaticFolderError, match="STATIC_ROOT"):
        static.collect_changed()


@pytest.mark.django_db
def test_whatever_a_page_asks_for_may_be_kept_for_ever(client: Client) -> None:
    Dataset.objects.create(slug="mine", name="Mine")
    page = client.get("/live/").content.decode()
    asked = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page))
    scripts = [address for address in asked if address.endswith(".js")]
    for address in scripts:
        name = address.removeprefix("/static/")
        text = (settings.STATIC_ROOT / name).read_text()
        asked |= {f"/static/{_from(name, imported)}" for imported in IMPORTED.findall(text)}
    assert len(scripts) == 2  # what runs before the first paint, and all modules in one
    assert len(asked) > len(scripts)
    for address in asked:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert answer["Cache-Control"] == "max-age=315360000, public, immutable"
        answer.close()
