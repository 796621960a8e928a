"""The environment of a WSGI application (PEP 3333), made of the scope of a request."""

from __future__ import annotations

import io
import sys
from functools import lru_cache
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIEnvironment

from uvicorn._types import HTTPScope

from semsearch_site.web.wsgi_answers import FileWrapper

# what comes twice is put together so
_BETWEEN = {"HTTP_COOKIE": "; "}


def environ_of(scope: HTTPScope, body: BinaryIO | None = None, size: int = 0) -> WSGIEnvironment:
    """Return the environment of a request, with its body and the length that this really has, or without."""
    host, port = scope["server"] or ("localhost", None)
    client = scope["client"]
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        # bytes as Latin-1, as PEP 3333 wants them; what is no UTF-8 must reach Django as it came
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or ""),
        "REMOTE_ADDR": client[0] if client else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body or io.BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }
    for name, value in scope["headers"]:
        if key := _key(name):
            text = value.decode("latin-1")
            environ[key] = f"{environ[key]}{_BETWEEN.get(key, ',')}{text}" if key in environ else text
    if size or "CONTENT_LENGTH" in environ:
        environ["CONTENT_LENGTH"] = str(size)
    return environ


@lru_cache(maxsize=256)
def _key(name: bytes) -> str:
    """Return the name that a header has in the environment; "" for one that is left out."""
    # `X_Real` and `X-Real` would have the same name there: who may not write the one could write the other
    if b"_" in name or name == b"transfer-encoding":
        return ""
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"
