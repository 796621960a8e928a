"""One word for one thing: what Python code defines is named by the words of docs/reference/glossary.md.

ESLint holds JavaScript to the same words (`id-match` in eslint.config.js). What people read, on pages and in
messages, says image.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
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


# not where it is part of a name: of a class or an id, a path, a host, a key in backticks
SAID = re.compile(r"(?<![-#./_`<\w])pictures?(?![-_\w]|\.\w)", re.IGNORECASE)
NAMES_IN_TEMPLATES = re.compile(
    r'\b(?:class|id|for|href|src|name|list|aria-controls|aria-\w+by|data-[\w-]+)="[^"]*"|{{.*?}}'
)
LITERALS = re.compile(
    r'//[^\n]*|/\*.*?\*/|byId\("[^"]*"|(?P<said>"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)', re.DOTALL
)
# a migration holds it
SAID_IN_TABLES = {"The network up to the layer, a picture."}


def said_in_template(text: str) -> list[str]:
    """Return the lines of a template in which people read another word for an image."""
    return [line.strip() for line in NAMES_IN_TEMPLATES.sub("", text).splitlines() if SAID.search(line)]


def said_in_script(text: str) -> list[str]:
    """Return the strings of a script that say another word for an image."""
    found = (match["said"] or "" for match in LITERALS.finditer(text))
    return [literal for literal in found if SAID.search(literal)]


def said_in_python(text: str) -> list[str]:
    """Return the sentences of a module, apart from docstrings, that say another word for an image."""
    tree = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        # a single word is a key
        if SAID.search(node.value) and " " in node.value and node.value not in SAID_IN_TABLES
    ]


@pytest.mark.parametrize(
    ("folders", "pattern", "said"),
    [
        (("templates",), "*.html", said_in_template),
        (("static/js",), "*.js", said_in_script),
        (
            ("gallery", "search", "semsearch", "clients", "semsearch_site"),
            "*.py",
            said_in_python,
        ),
    ],
    ids=["templates", "scripts", "messages"],
)
def test_what_people_read_says_image(
    folders: tuple[str, ...], pattern: str, said: Callable[[str], list[str]]
) -> None:
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob(pattern))]
    assert files
    wrong = [
        f"{file.relative_to(ROOT)}: {words}"
        for file in files
        if "migrations" not in file.parts
        for words in said(file.read_text())
    ]
    assert wrong == []


def test_another_word_for_an_image_would_be_seen_and_a_name_is_none() -> None:
    seen = '<p class="pictures" id="picture">{{ picture }} <kbd>~/Pictures</kbd></p>'
    assert said_in_template(seen) == []
    assert said_in_template('<img alt="Your picture">') == ['<img alt="Your picture">']
    assert said_in_script('byId("picture"); make("a", { class: "hit-picture" }); // a picture') == []
    assert said_in_script('plural(2, "picture"); say(`No pictures of ${name}`);') == [
        '"picture"', "`No pictures of ${name}`",
    ]  # fmt: skip
    assert said_in_python('"""A picture."""\nkey = "pictures"\nflag = "--no-pictures --json"') == []
    assert said_in_python('raise Wrong(f"{count} pictures are too many")') == [" pictures are too many"]
