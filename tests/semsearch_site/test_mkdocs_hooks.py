"""What is done to documents while they are built: links, lists, pictures and scripts."""

from __future__ import annotations

import base64
from pathlib import Path
from types import SimpleNamespace

import pytest

from semsearch_site.docs import mkdocs_hooks

LIST = """Words:
- one, which goes
  on
- two

1. First

   ```sh
   - no item
     at all
   ```

   - inner

Behind

    code
"""
INDENTED = """Words:

- one, which goes
    on
- two

1. First

    ```sh
    - no item
      at all
    ```

    - inner

Behind

    code
"""


def page(uri: str) -> SimpleNamespace:
    """Return what MkDocs gives for a page, as far as it is looked at."""
    return SimpleNamespace(file=SimpleNamespace(src_uri=uri), url=uri.replace(".md", ".html"))


def test_lists_are_indented_by_four_and_code_stays_as_it_is() -> None:
    assert mkdocs_hooks.indented_by_four(LIST) == INDENTED
    # what is indented by four already
    numbered = INDENTED[INDENTED.index("1. First") :]
    assert mkdocs_hooks.indented_by_four(numbered) == numbered


@pytest.mark.parametrize(
    ("uri", "written", "leads_to"),
    [
        ("how-to/backup.md", "[a](upgrade.md#x)", "[a](upgrade.md#x)"),
        ("how-to/backup.md", "[a](../../SECURITY.md#x)", "[a](../SECURITY.md#x)"),
        ("how-to/backup.md", "[a](../../README.md)", "[a](../index.md)"),
        ("how-to/backup.md", "[a](../tutorial/notebook.ipynb)", "[a](../tutorial/notebook.md)"),
        ("how-to/backup.md", "[a](../../.env.example)", "[a](../reference/settings.md)"),
        ("how-to/backup.md", "the [a](../../LICENSE) here", "the a here"),
        ("how-to/backup.md", "[a](https://example.org/b.md)", "[a](https://example.org/b.md)"),
        ("how-to/backup.md", "[a](#below)", "[a](#below)"),
        ("CHANGELOG.md", "[a](docs/how-to/backup.md)", "[a](how-to/backup.md)"),
        ("CHANGELOG.md", "[a](SECURITY.md)", "[a](SECURITY.md)"),
    ],
)
def test_links_lead_to_pages_wherever_a_document_lies(uri: str, written: str, leads_to: str) -> None:
    assert mkdocs_hooks.on_page_markdown(written, page(uri)) == leads_to


def test_an_image_of_two_themes_becomes_one_of_each() -> None:
    written = (
        '<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="a-dark.webp">\n'
        '  <img src="a-light.webp" alt="A" width="1" height="1">\n</picture>'
    )
    made = mkdocs_hooks.on_page_markdown(written, page("index.md"))
    assert made == "![A](a-light.webp#only-light)![A](a-dark.webp#only-dark)"


def test_inline_scripts_become_files_of_their_content(tmp_path: Path) -> None:
    html = '<head><script>let a = 1</script><script id="d" type="application/json">{}</script></head>'
    made = mkdocs_hooks.on_post_page(html, page("how-to/a.md"), {"site_dir": str(tmp_path)})
    (script,) = (tmp_path / mkdocs_hooks.SCRIPTS).iterdir()
    assert script.read_text() == "let a = 1"
    assert made == (
        f'<head><script src="../{mkdocs_hooks.SCRIPTS}/{script.name}"></script>'
        '<script id="d" type="application/json">{}</script></head>'
    )


def test_a_notebook_becomes_a_page_with_what_its_cells_show() -> None:
    png = base64.b64encode(b"a picture").decode()
    outputs = [
        {"output_type": "stream", "text": ["(3,)\n"]},
        {"output_type": "display_data", "data": {"text/markdown": ["| a |\n", "|---|"]}},
        {"output_type": "execute_result", "data": {"image/png": png, "text/plain": ["<image>"]}},
    ]
    made = mkdocs_hooks.notebook_files(
        {
            "cells": [
                {"cell_type": "markdown", "source": ["# A\n", "<details>"]},
                {"cell_type": "code", "source": ["a = 1"], "outputs": outputs},
            ]
        }
    )
    assert made == {
        "tutorial/notebook.md": (
            '# A\n<details markdown="1">\n\n'
            '<a href="notebook.ipynb" download>The notebook itself</a>, to run it.\n\n'
            "```python\na = 1\n```\n\n```text\n(3,)\n```\n\n| a |\n|---|\n\n"
            "![What this cell shows](notebook-1.png)\n"
        ),
        "tutorial/notebook-1.png": b"a picture",
    }
