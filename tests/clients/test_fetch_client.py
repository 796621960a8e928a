"""What openapi-typescript and openapi-fetch make of the schema is well typed, and works on a live site."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import Given
from tests.support.site import ROOT

PACKAGES = ROOT / "node_modules"
SCRIPT = Path(__file__).parent / "fetch.js"

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        shutil.which("node") is None or not (PACKAGES / "openapi-fetch").is_dir(),
        reason="needs Node.js and the packages of package.json: make check-js installs them",
    ),
]
CHECKED = (
    "--noEmit", "--allowJs", "--checkJs", "--strict", "--skipLibCheck", "--target", "es2023",
    "--module", "es2022", "--moduleResolution", "bundler", "--types", "node",
)  # fmt: skip


def run(folder: Path, *words: str) -> str:
    """Run a program in a folder and return what it printed. Raises: AssertionError when it fails."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_generated_typescript_client_does_all_there_is_to_do(given: Given, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(SCRIPT, tmp_path)
    programs = PACKAGES / ".bin"
    run(tmp_path, str(programs / "openapi-typescript"), str(given.schema), "-o", "schema.d.ts")
    run(tmp_path, str(programs / "tsc"), *CHECKED, SCRIPT.name)
    files = (str(given.image_file), str(given.archive), str(given.image))
    found = json.loads(run(tmp_path, "node", SCRIPT.name, given.address, given.token, *files))
    assert found == {
        "job": "import",
        "external_id": "b-1",
        "duplicate": True,
        "hits": [2, 2, True],
        "paged": [7, 7, 2],
        "lists": 6,
        "deleted": 1,
        "gone": 204,
    }
