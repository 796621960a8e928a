"""The path below which a proxy has put the site: taken off what is asked for, put before every address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from uvicorn._types import HTTPScope

from gallery.access.client_address import is_trusted_proxy
from semsearch_site.site_address import forwarded_prefix, within

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

HEADER = b"x-forwarded-prefix"


def _prefix(header: str, sender: str) -> str:
    """Return the prefix of the settings, else the one that a trusted proxy names, else ""."""
    if settings.URL_PREFIX or not header or not is_trusted_proxy(sender):
        return str(settings.URL_PREFIX)
    return forwarded_prefix(header)


def put_scope_in_order(scope: HTTPScope) -> None:
    """Part the address of a request into prefix and path, whether or not its proxy took the prefix off."""
    header = next((value for name, value in scope["headers"] if name == HEADER), b"")
    client = scope["client"]
    prefix = _prefix(header.decode("latin-1"), client[0] if client else "")
    if prefix:
        scope["root_path"] = prefix
        scope["path"] = within(scope["path"], prefix)
        scope["raw_path"] = within(scope["raw_path"].decode("latin-1"), prefix).encode("latin-1")


def put_environ_in_order(environ: WSGIEnvironment) -> None:
    """Do the same for a web server that is not ours, unless it has done so."""
    header, sender = environ.get("HTTP_X_FORWARDED_PREFIX", ""), environ.get("REMOTE_ADDR", "")
    prefix = environ.get("SCRIPT_NAME", "") or _prefix(header, sender)
    if prefix:
        environ["SCRIPT_NAME"] = prefix
        environ["PATH_INFO"] = within(environ.get("PATH_INFO", ""), prefix)
