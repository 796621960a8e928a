"""Asks a WSGI application in a thread, and takes its whole answer off it before the client gets any."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.db import close_old_connections

from semsearch_site.web.answers import PIECE_BYTES, Answer

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class FileWrapper:
    """What an application answers with where it sends a file (`wsgi.file_wrapper` of PEP 3333)."""

    def __init__(self, file: BinaryIO, block_size: int = 0) -> None:
        self.file = file


def ask(wsgi: WSGI, environ: dict[str, Any], folder: Path) -> Answer:
    """Return the answer to a request; `folder` is for what is too long to be kept in memory."""
    said: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        said[:] = status, headers

    result = wsgi(environ, start_response)
    spooled = 0
    if isinstance(result, FileWrapper):
        file = result.file
    else:
        file, spooled = _collected(result, folder)
    body, rest = _begun(file, head=environ["REQUEST_METHOD"] == "HEAD")
    status, headers = said
    named = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if body and rest is None and not any(name == b"content-length" for name, _ in named):
        named.append((b"content-length", b"%d" % len(body)))
    return Answer(int(status[:3]), named, body, rest, spooled if rest else 0)


def _collected(result: Iterable[bytes], folder: Path) -> tuple[BinaryIO, int]:
    """Return all that an application says, in memory or, where it is long, in a file, and its length."""
    # most answers are one part of a few kilobytes; a SpooledTemporaryFile takes 0.1 ms for them
    begun, size = io.BytesIO(), 0
    file: BinaryIO = begun
    try:
        for part in result:
            size += len(part)
            if size > PIECE_BYTES and file is begun:
                file = cast(BinaryIO, tempfile.TemporaryFile(dir=folder))  # noqa: SIM115
                file.write(begun.getbuffer())
            file.write(part)
    except BaseException:
        file.close()
        raise
    finally:
        if hasattr(result, "close"):
            result.close()
    file.seek(0)
    return file, size


def _begun(file: BinaryIO, *, head: bool) -> tuple[bytes, BinaryIO | None]:
    """Read the beginning of a file; closing one that Django opened ends the request for it."""
    with ExitStack() as last:
        last.callback(file.close)
        body = b"" if head else file.read(PIECE_BYTES)
        if len(body) < PIECE_BYTES:
            return body, None
        last.pop_all()
    # another thread will end the request: what this one borrowed for it goes back now
    close_old_connections()
    return body, file
