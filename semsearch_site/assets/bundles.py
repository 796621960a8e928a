"""All modules of a page in one file, made where static files are collected, so that a page is one request.

Each module becomes a function that returns what it exports; those it imports come before it, as a browser
would run them. No module may export what changes later, nor wait before it is ready; a test reads them all.
Modules that are fetched on demand, by `import("./x.js")`, are in the bundle too, and run with the others.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders

from gallery.errors import SemsearchError
from semsearch_site.assets.modules import IMPORTED

FOLDER = "js/bundles"
TAG = re.compile(r"\{%\s*modules\s+((?:['\"][\w./-]+['\"]\s*)+)%\}")
IMPORT = re.compile(
    r"""^import\s+(?:\{(?P<names>[^}]*)\}\s*from\s*)?["'](?P<name>\.[^"']+)["'];[ \t]*$""", re.MULTILINE
)
DYNAMIC = re.compile(r"""\bimport\(["'](\.[^"']+)["']\)""")
EXPORT = re.compile(r"^export\s+(?=(?:async\s+function|function\*?|class|const)\s+(\w+))", re.MULTILINE)
LEFT = re.compile(r"^(?:import|export)\b|\bimport\(|\bimport\.meta\b|^await\b", re.MULTILINE)


class UnbundledError(SemsearchError):
    """A module is written in a way that the bundles do not know."""

    code = "unbundled"
    status = 500


def name_of(entries: tuple[str, ...]) -> str:
    """Return the static name of the bundle of modules: js/jobs/progress.js makes jobs-progress.js."""
    stems = (entry.removeprefix("js/").removesuffix(".js").replace("/", "-") for entry in entries)
    return f"{FOLDER}/{'--'.join(stems)}.js"


def asked_for() -> list[tuple[str, ...]]:
    """Return the entries of every `{% modules %}` of the templates, each once."""
    found = {
        tuple(re.findall(r"['\"]([\w./-]+)['\"]", match))
        for path in (settings.BASE_DIR / "templates").rglob("*.html")
        for match in TAG.findall(path.read_text(encoding="utf-8"))
    }
    return sorted(found)


def bundled(entries: tuple[str, ...]) -> str:
    """Return one script that does what its modules do. Raises: UnbundledError; FileNotFoundError."""
    order: list[str] = []
    for entry in entries:
        _collect(entry, order, [])
    numbers = {name: number for number, name in enumerate(order)}
    return "".join(_as_function(name, numbers) for name in order)


def _collect(name: str, order: list[str], above: list[str]) -> None:
    """Put a module behind all that it imports. Raises: UnbundledError where modules import each other."""
    if name in order:
        return
    if name in above:
        raise UnbundledError(f"{name} imports itself, by {' and '.join(above)}.")
    source = _source(name)
    for imported in [*IMPORTED.findall(source), *DYNAMIC.findall(source)]:
        _collect(_resolved(name, imported), order, [*above, name])
    order.append(name)


def _as_function(name: str, numbers: dict[str, int]) -> str:
    source = _source(name)
    exported = EXPORT.findall(source)

    def taken(match: re.Match[str]) -> str:
        number = numbers[_resolved(name, match["name"])]
        names = (match["names"] or "").replace(" as ", ": ")
        return f"const {{{names}}} = module{number};" if match["names"] else ""

    body = IMPORT.sub(taken, source)
    body = DYNAMIC.sub(lambda match: f"Promise.resolve(module{numbers[_resolved(name, match[1])]})", body)
    body = EXPORT.sub("", body)
    if left := LEFT.search(_without_comments(body)):
        raise UnbundledError(
            f"{name} has “{left[0]}”, which bundles do not know: see semsearch_site/assets/bundles.py."
        )
    return f"const module{numbers[name]} = (() => {{\n{body}\nreturn {{ {', '.join(exported)} }};\n}})();\n"


def _without_comments(source: str) -> str:
    return re.sub(r"/\*.*?\*/|^\s*//.*$", "", source, flags=re.DOTALL | re.MULTILINE)


def _resolved(name: str, imported: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), imported))


def _source(name: str) -> str:
    path = finders.find(name)
    if not isinstance(path, str):
        raise FileNotFoundError(f"There is no script {name} among the static files.")
    return Path(path).read_text(encoding="utf-8")
