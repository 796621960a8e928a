"""Puts the content type of a request in order before Django reads it, which cannot bear every one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.utils.http import parse_header_parameters

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

# In the environment of a request: a content type that could not be read.
UNREADABLE_TYPE = "semsearch.unreadable_content_type"
UTF_8 = {"utf-8", "utf8", "us-ascii", "ascii"}
_CHARSET = re.compile(r""";\s*charset[*0-9]*\s*=\s*("[^"]*"|[^;]*)""", re.IGNORECASE)


def put_in_order(environ: WSGIEnvironment) -> None:
    """Take the charset from a content type: texts are UTF-8, and any other is left to be refused.

    Django decodes the query where there is a charset, before its middleware is asked, and a charset such as
    rot13 breaks it there.
    """
    kind = environ.get("CONTENT_TYPE", "")
    if ";" not in kind:
        return
    try:
        charset = parse_header_parameters(kind)[1].get("charset", "utf-8").lower()
    except ValueError:
        charset = ""
    if charset in UTF_8:
        environ["CONTENT_TYPE"] = _CHARSET.sub("", kind)
    else:
        environ["CONTENT_TYPE"], environ[UNREADABLE_TYPE] = "", kind
