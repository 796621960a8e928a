"""Every command of README and documents is run as it stands there, or says why it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from gallery.access.scopes import Scope
from gallery.accounts import tokens
from tests.conftest import sample_files
from tests.support.documented import Reader, blocks, scripts
from tests.support.site import ROOT
from tests.test_docs_paths import DOCUMENTS

# a reader comes by these first; what they make is there for the others
ORDER = ("own-images.md", "labels-from-a-table.md", "from-a-shell.md", "from-python.md", "from-a-web-shop.md")
LANGUAGES = {"sh", "python", "text", "csv", "ini", "yaml", "json", "nginx", "crontab", "promql"}
COMMAND = re.compile(
    r"^ {4,}(?:\$ )?(?:\S+=\S+ )*(?:\.venv/bin/|make |curl |docker |systemctl |pip |git |npm |cp )",
    re.MULTILINE,
)


def test_every_block_says_in_which_language_it_is() -> None:
    unknown = [
        (document.name, block.language, block.code[:60])
        for document in DOCUMENTS
        for block in blocks(document)
        if block.language not in LANGUAGES
    ]
    assert unknown == []


def test_no_command_of_the_documents_hides_in_an_indented_block() -> None:
    """What is fenced as `sh` is run; an indented block would not be."""
    hidden = []
    for document in DOCUMENTS:
        if document.name in ("CHANGELOG.md", "CONTRIBUTING.md", "commands.md") or "lab" in document.parts:
            continue
        text = re.sub(r"^( *)```.*?^\1```$", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
        hidden += [(document.name, line.strip()) for line in COMMAND.findall(text)]
    assert hidden == []


@pytest.fixture
def reader(
    tmp_path_factory: pytest.TempPathFactory, transactional_db: None, live_server: Any
) -> Iterator[Reader]:
    """Return somebody with pictures of birds and products, and an account called anna."""
    anna = User.objects.create_superuser("anna", password="a long password")
    token = tokens.make_token(anna, "documents", list(Scope))[1]
    somebody = Reader(tmp_path_factory.mktemp("r"), live_server.url, token)
    images = somebody.home / "Pictures"
    birds = sample_files("objects200", "birds", 9)
    for number, file in enumerate(birds[:8]):
        folder = images / "birds" / ("robin", "wren")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name).write_bytes(file.read_bytes())
    (images / "wren.jpg").write_bytes(birds[8].read_bytes())
    products = images / "products"
    products.mkdir()
    for number, file in enumerate(sample_files("objects200", "tools", 3), start=1001):
        (products / f"{number}.jpg").write_bytes(file.read_bytes())
    labels = next(block.code for block in blocks(ROOT / "docs/how-to/labels-from-a-table.md"))
    (products / "labels.csv").write_text(labels)
    yield somebody
    somebody.close()


def test_every_command_of_the_documents_does_what_it_says(reader: Reader) -> None:
    def place(document: Path) -> int:
        return ORDER.index(document.name) if document.name in ORDER else len(ORDER)

    ran = 0
    for document in sorted(DOCUMENTS, key=place):
        for language, code in scripts(document):
            try:
                reader.run(language, code)
            except AssertionError as error:
                pytest.fail(f"{document.relative_to(ROOT)}: {error}")
            ran += 1
    assert ran > 20


def test_a_command_that_fails_or_is_not_there_would_be_seen(reader: Reader) -> None:
    for code in (".venv/bin/python manage.py nowhere", "make nowhere", "false | cat", "nowhere"):
        with pytest.raises(AssertionError, match="ended with"):
            reader.run("sh", code)
