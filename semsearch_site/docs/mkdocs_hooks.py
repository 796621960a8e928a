"""What MkDocs does besides while it builds the documents; it loads this file by its path.

- Scripts that the theme writes into its pages become files, so that the content policy of the site, which
  lets no inline script run, holds for the documents too.
- A picture of two themes follows the switch of the site, not only the system.
- Lists are indented by four, as Python-Markdown reads them. As they are written, what belongs to an item
  begins where its text does.
- `CHANGELOG.md` and other documents of the repository's root become pages, and links lead to them.
- The notebook becomes a page, with what its cells show.
- What the theme leaves without a name gets one, and tables that scroll sideways can be reached by keys.
"""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent.parent
# documents beside docs/ that are pages too, by their path in the repository
INCLUDED = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
NOTEBOOK, NOTEBOOK_PAGE = "docs/tutorial/notebook.ipynb", "tutorial/notebook.md"
# what others are called on the site
INSTEAD = {"README.md": "index.md", ".env.example": "reference/settings.md", NOTEBOOK: NOTEBOOK_PAGE}
SCRIPTS = "assets/inline"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_THEMED_IMAGE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">\s*'
    r'<img src="(?P<light>[^"]+)" alt="(?P<alt>[^"]*)"[^>]*>\s*</picture>'
)
_ITEM = re.compile(r"(?:\d+\.|[-*]) +")
_FENCE = ("```", "~~~")
# how the theme begins the dialog of the search, and tables, which it lets scroll
_AS_IT_IS = ('data-md-component="search" role="dialog">', "<table>")
_FOR_EVERYBODY = ('data-md-component="search" role="dialog" aria-label="Search">', '<table tabindex="0">')
CODE = 4  # spaces that make a line code
_LINK = re.compile(r"(?<!\!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def on_config(config: Any) -> Any:
    """Leave out the theme's page for what is not there: the site has its own."""
    config.theme.static_templates.discard("404.html")
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the documents of the root, and the notebook."""
    made: dict[str, str | bytes] = {name: (ROOT / name).read_text(encoding="utf-8") for name in INCLUDED}
    made |= notebook_files(json.loads((ROOT / NOTEBOOK).read_text(encoding="utf-8")))
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files


def notebook_files(notebook: dict[str, Any]) -> dict[str, str | bytes]:
    """Return the page of a notebook and the images on it, by their names on the site."""
    images: dict[str, str | bytes] = {}
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            # solutions are folded, and Markdown inside
            parts.append(source.replace("<details>", '<details markdown="1">'))
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if png := data.get("image/png"):
                name = f"notebook-{len(images) + 1}.png"
                images[posixpath.join(posixpath.dirname(NOTEBOOK_PAGE), name)] = base64.b64decode(png)
                parts.append(f"![What this cell shows]({name})")
            elif table := data.get("text/markdown"):
                parts.append("".join(table))
            else:
                text = "".join(output.get("text") or data.get("text/plain", ""))
                parts.append(f"```text\n{text.rstrip()}\n```")
    parts.insert(1, f'<a href="{posixpath.basename(NOTEBOOK)}" download>The notebook itself</a>, to run it.')
    return {NOTEBOOK_PAGE: "\n\n".join(parts) + "\n"} | images


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links that leave docs/ lead to pages; where there is none, only their words stay."""
    uri = page.file.src_uri
    here = posixpath.dirname(uri if uri in INCLUDED else f"docs/{uri}")

    def lead(found: re.Match[str]) -> str:
        words, link = found.groups()
        path, mark, anchor = link.partition("#")
        if not path or "://" in link or link.startswith(("/", "mailto:")):
            return found[0]
        target = posixpath.normpath(posixpath.join(here, path))
        there = INSTEAD.get(target, target.removeprefix("docs/"))
        if not target.startswith("docs/") and target not in INCLUDED and target not in INSTEAD:
            return words
        return f"[{words}]({posixpath.relpath(there, posixpath.dirname(uri) or '.')}{mark}{anchor})"

    themed = _THEMED_IMAGE.sub(r"![\g<alt>](\g<light>#only-light)![\g<alt>](\g<dark>#only-dark)", markdown)
    return indented_by_four(_LINK.sub(lead, themed))


def indented_by_four(markdown: str) -> str:
    """Return a document whose lists Python-Markdown reads as GitHub does."""
    lines: list[str] = []
    # where the text of each open item begins, the fence that is open, and the spaces before the block
    items: list[int] = []
    fence = False
    cut = 0
    for line in markdown.split("\n"):
        space = len(line) - len(line.lstrip(" "))
        marker = None if fence else _ITEM.match(line, space)
        follows = bool(lines) and bool(lines[-1].strip())
        begins_list = bool(marker) and not items
        if line.strip() and not fence and (marker or not follows):
            while items and space < items[-1]:
                items.pop()
            base = items[-1] if items else 0
            cut = base if space - base >= CODE else space
        depth = len(items)
        if marker and cut == space:
            if begins_list and follows:
                lines.append("")
            items.append(marker.end())
            line, space, cut = line[space:], 0, marker.end()
        if is_fence := line.lstrip().startswith(_FENCE):
            cut = cut if fence else space
            fence = not fence
        text = line[min(cut, space) :]
        lines.append(" " * 4 * depth + text if text.strip() or is_fence else text)
    return "\n".join(lines)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Put the inline scripts of a page into files, and let everybody reach what is on it."""
    for old, new in zip(_AS_IT_IS, _FOR_EVERYBODY, strict=True):
        output = output.replace(old, new)
    return _without_inline_scripts(output, page.url, Path(config["site_dir"]))


def _without_inline_scripts(html: str, url: str, site: Path) -> str:
    """Return a page whose scripts are files, named by their content, that run where they stood."""

    def put(found: re.Match[str]) -> str:
        code = found[1]
        name = f"{SCRIPTS}/{hashlib.sha256(code.encode()).hexdigest()[:16]}.js"
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(code, encoding="utf-8")
        return f'<script src="{posixpath.relpath(name, posixpath.dirname(url) or ".")}"></script>'

    return _INLINE_SCRIPT.sub(put, html)
