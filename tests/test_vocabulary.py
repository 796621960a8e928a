"""One word for one thing: what Python code defines is named by the words of docs/reference/glossary.md.

ESLint holds JavaScript to the same words (`id-match` in eslint.config.js).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (
    "gallery",
    "search",
    "semsearch",
    "clients",
    "semsearch_site",
    "benchmarks",
    "sample_data",
    "deploy",
    "tests",
)
# a word that is not used -> the one that is
SAY_INSTEAD = {
    "picture": "image", "photo": "image", "architecture": "network", "tap": "layer", "layout": "map",
    "reduction": "pca", "follower": "observer", "coalescer": "queue",
}  # fmt: skip
# names that others rely on: settings, columns of tables, keys of answers and of files, commands
KEPT = {
    "MAX_PICTURE_BYTES", "MAX_PICTURE_PIXELS", "MAX_PICTURE_SIDE", "picture", "pictures", "reduction",
    "reduction_digest", "taps",
}  # fmt: skip
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def misnamed(name: str) -> list[str]:
    """Return what to say instead of the words of an identifier that are not used here."""
    words = [word.lower() for word in WORDS.findall(name)]
    return [
        SAY_INSTEAD[one] for word in words for one in {word, word.removesuffix("s")} if one in SAY_INSTEAD
    ]


def defined(node: ast.AST, *, in_class: bool = False) -> Iterator[tuple[int, str, bool]]:
    """Yield line, name and whether it is a field of a class, of all that a module defines."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef) and not child.name.startswith("test_"):
            yield child.lineno, child.name, False
        elif isinstance(child, ast.arg):
            yield child.lineno, child.arg, False
        elif isinstance(child, ast.Name | ast.Attribute) and isinstance(child.ctx, ast.Store):
            yield child.lineno, child.id if isinstance(child, ast.Name) else child.attr, in_class
        fields = isinstance(child, ast.ClassDef) or (
            in_class and isinstance(child, ast.Assign | ast.AnnAssign)
        )
        yield from defined(child, in_class=fields)


@pytest.mark.parametrize("folder", FOLDERS)
def test_identifiers_use_the_words_of_the_glossary(folder: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line} {name}: say {', '.join(misnamed(name))}"
        for file in sorted((ROOT / folder).rglob("*.py"))
        if "migrations" not in file.parts
        for line, name, is_field in defined(ast.parse(file.read_text()))
        if misnamed(name) and not (name in KEPT and (is_field or name.isupper()))
    ]
    assert wrong == []


def test_a_word_that_is_not_used_would_be_seen() -> None:
    assert misnamed("layer_pictures") == ["image"]
    assert misnamed("TapsExtractor") == ["layer"]
    assert misnamed("image_layers") == []
