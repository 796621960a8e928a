"""How commands are named to people: as they are typed where the program runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from gallery.system.home import shipped_files
from gallery.system.home.shipped_files import CODE_ROOT, program

# the ways in themselves, and what is about files of a checkout
MAY_NAME_IT = {"gallery/system/home/shipped_files.py", "gallery/access/audit.py"}


@pytest.mark.parametrize(
    ("is_checkout", "prefix", "typed"),
    [
        (False, "/usr", "semsearch"),
        (True, CODE_ROOT / ".venv", ".venv/bin/python manage.py"),
        (True, "/usr", "python manage.py"),
    ],
)
def test_a_command_is_named_as_it_is_typed_here(
    monkeypatch: pytest.MonkeyPatch, is_checkout: bool, prefix: str | Path, typed: str
) -> None:
    monkeypatch.setattr(shipped_files, "IS_CHECKOUT", is_checkout)
    monkeypatch.setattr("sys.prefix", str(prefix))
    assert program() == typed


def sentences(path: Path) -> Iterator[str]:
    """Return the strings of a module that are no docstrings."""
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_nothing_that_people_read_names_manage_py_by_hand() -> None:
    named = [
        str(path.relative_to(CODE_ROOT))
        for folder in ("gallery", "search", "semsearch")
        for path in sorted((CODE_ROOT / folder).rglob("*.py"))
        if any("manage.py" in sentence for sentence in sentences(path))
    ]
    named += [
        str(path.relative_to(CODE_ROOT))
        for pattern in ("templates/**/*.html", "static/js/**/*.js")
        for path in sorted(CODE_ROOT.glob(pattern))
        if "manage.py" in path.read_text()
    ]
    assert set(named) <= MAY_NAME_IT
