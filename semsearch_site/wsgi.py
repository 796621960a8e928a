"""The WSGI application that a web server runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

from semsearch_site.middleware import UNREADABLE_TYPE

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semsearch_site.settings")

UTF_8 = {"utf-8", "utf8", "us-ascii", "ascii"}
_CHARSET = re.compile(r""";\s*charset[*0-9]*\s*=\s*("[^"]*"|[^;]*)""", re.IGNORECASE)
_django = get_wsgi_application()


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request.

    Django reads the content type, and with a charset the query as well, before any of its middleware could
    refuse them: a charset such as rot13 breaks it there. Texts are UTF-8, so that the charset is taken away,
    and one that says something else is left to the middleware to refuse.
    """
    kind = environ.get("CONTENT_TYPE", "")
    if ";" in kind:
        try:
            charset = parse_header_parameters(kind)[1].get("charset", "utf-8").lower()
        except ValueError:
            charset = ""
        environ["CONTENT_TYPE"] = _CHARSET.sub("", kind) if charset in UTF_8 else ""
        if charset not in UTF_8:
            environ[UNREADABLE_TYPE] = kind
    return _django(environ, start_response)
