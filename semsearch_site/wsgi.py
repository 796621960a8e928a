"""The WSGI application that a web server runs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.core.wsgi import get_wsgi_application

from semsearch_site.http import content_types
from semsearch_site.web import prefixes

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semsearch_site.settings")

_django = get_wsgi_application()

from gallery.access.routes import require_policies  # noqa: E402  # it needs the applications

require_policies()

from semsearch_site import home  # noqa: E402  # the same

home.up_to_date_or_exit()


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request."""
    content_types.put_in_order(environ)
    prefixes.put_environ_in_order(environ)
    return _django(environ, start_response)
