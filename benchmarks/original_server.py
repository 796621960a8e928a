"""The original's way behind the web server that serves ours, to be timed beside it: a plain WSGI application.

Uploads are parsed by the same library as ours. What fills its index are random vectors in the number that is
in ours: an exact index takes the same time over any, and no result of it is used.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from benchmarks.original import OriginalWay

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def create() -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    """Return the application over as many vectors as `ORIGINAL_COUNT` says, the network loaded."""
    from django.conf import settings
    from django.core.files.uploadedfile import UploadedFile
    from django.core.handlers.wsgi import WSGIRequest

    settings.configure()
    original = OriginalWay()
    original.fill(int(os.environ["ORIGINAL_COUNT"]))

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = WSGIRequest(environ)
        answer: dict[str, Any] = {"ready": True}
        if request.method == "POST":
            upload = request.FILES["file"]
            assert isinstance(upload, UploadedFile)
            answer = {"hits": original.query(upload.read(), int(request.POST["k"]))}
        data = json.dumps(answer).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(data)))])
        return [data]

    return application
