"""Bundles: every page's modules in one script, none of them written in a way that bundles do not know."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from semsearch_site.assets import bundles
from semsearch_site.assets.modules import imported_by


@pytest.mark.parametrize("entries", bundles.asked_for(), ids=bundles.name_of)
def test_a_bundle_holds_each_module_once_and_is_a_script(entries: tuple[str, ...], tmp_path: Path) -> None:
    script = bundles.bundled(entries)
    count = script.count("\nconst module") + script.startswith("const module")
    assert count >= len({*entries, *imported_by(*entries)})
    node = shutil.which("node")
    if node:
        file = tmp_path / "bundle.mjs"
        file.write_text(script)
        assert subprocess.run([node, "--check", file], capture_output=True, check=False).returncode == 0


def test_what_a_module_exports_is_what_another_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "js/a.js": 'import { one as first, two } from "./b.js";\nglobalThis.sum = first() + two;\n',
        "js/b.js": "export function one() {\n  return 40;\n}\nexport const two = 2;\n",
    }
    monkeypatch.setattr(bundles, "_source", files.__getitem__)
    script = bundles.bundled(("js/a.js",))
    assert script.index("const module0") < script.index("const module1")
    assert "const { one: first, two } = module0;" in script
    assert "return { one, two };" in script


@pytest.mark.parametrize("line", ["export let changing = 1;", "export default 1;", "await other();"])
def test_what_bundles_do_not_know_is_refused_by_name(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "_source", {"js/a.js": f"{line}\n"}.__getitem__)
    with pytest.raises(bundles.UnbundledError, match=r"js/a\.js"):
        bundles.bundled(("js/a.js",))
