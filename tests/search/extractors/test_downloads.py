"""Downloads of weights, from a server beside: whole, resumed, and what is refused."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gallery.errors import WeightsError
from search.extractors.networks import downloads
from search.extractors.networks.applications import KERAS_APPLICATIONS, Application

CONTENT = bytes(range(256)) * 9000
FILE = KERAS_APPLICATIONS[0].files[0]


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT, from where a Range begins."""

    asked: list[str | None]

    def do_GET(self) -> None:
        begin = self.headers.get("Range")
        self.asked.append(begin)
        start = int(begin.removeprefix("bytes=").removesuffix("-")) if begin else 0
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start:])

    def log_message(self, *_: Any) -> None:
        """Keep the output of the tests clean."""


@pytest.fixture
def server() -> Iterator[Application]:
    """Return a Keras application whose weights lie on a server of this test."""
    Handler.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield replace(KERAS_APPLICATIONS[0], address=f"http://127.0.0.1:{found.server_port}/")
        found.shutdown()
        thread.join()


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def test_a_download_that_broke_off_goes_on_and_tells_how_far_it_is(
    server: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(downloads.PUBLISHED_MD5, FILE, md5(CONTENT))
    (tmp_path / f"{FILE}.part").write_bytes(CONTENT[:1000])
    told: list[tuple[int, int]] = []
    found = downloads.download(server, tmp_path, lambda done, total: told.append((done, total)))
    assert found == tmp_path / FILE
    assert found.read_bytes() == CONTENT
    assert Handler.asked == ["bytes=1000-"]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_file_that_keras_did_not_publish_is_removed(
    server: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(downloads.PUBLISHED_MD5, FILE, md5(b"another file"))
    with pytest.raises(WeightsError, match="not the file that Keras published"):
        downloads.download(server, tmp_path, lambda done, total: None)
    assert list(tmp_path.iterdir()) == []


def test_the_digests_are_those_of_keras_own_source() -> None:
    import keras

    folder = Path(keras.__file__).parent / "src" / "applications"
    source = "".join(path.read_text() for path in folder.glob("*.py"))
    files = {application.files[0] for application in KERAS_APPLICATIONS}
    assert set(downloads.PUBLISHED_MD5) == files - {FILE}
    for name, digest in downloads.PUBLISHED_MD5.items():
        assert digest in source, name
