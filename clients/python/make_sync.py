"""Makes `_sync`, the client that waits, of `_async`, that for asyncio; run it after each change."""

from __future__ import annotations

import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent / "src" / "semsearch_client"
HEAD = "# Made of `_async` by make_sync.py: change it there.\n"
CHANGES = (
    (r"\n\nfrom collections.abc import AsyncIterator\n", "\n\nfrom collections.abc import Iterator\n"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\bimport asyncio\n(?!\nimport time|import time)", "import time\n"),
    (r"\bimport asyncio\n", ""),
    (r"\basyncio\.sleep\b", "time.sleep"),
    (r"\bhttpx\.Async(?=Client)", "httpx."),
    (r"\bhttpx\.AsyncBaseTransport\b", "httpx.BaseTransport"),
    (r"\b(async|await) ", ""),
    (r"\baclose\b", "close"),
    (r"\b__a(enter|exit)__\b", r"__\1__"),
    (r"\bsemsearch_client\._async\b", "semsearch_client._sync"),
    (r"\bAsync(?=[A-Z])", ""),
    (
        "for programs that use asyncio; `_sync` is made of it",
        "for programs that wait; it is made of `_async`",
    ),
)


def in_sync(text: str) -> str:
    """Return a module of `_async` as it is in `_sync`."""
    for old, new in CHANGES:
        text = re.sub(old, new, text)
    return HEAD + text


def made() -> dict[Path, str]:
    """Return what each file of `_sync` has to hold."""
    sources = sorted((PACKAGE / "_async").glob("*.py"))
    return {PACKAGE / "_sync" / source.name: in_sync(source.read_text()) for source in sources}


def main() -> None:
    """Write the files, or with --check end with status 1 where one is not as it would be written."""
    for file, text in made().items():
        if "--check" in sys.argv:
            if not file.exists() or file.read_text() != text:
                sys.exit(f"{file} is out of date: run {Path(__file__).name}.")
        else:
            file.write_text(text)


if __name__ == "__main__":
    main()
