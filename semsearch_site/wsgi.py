"""The WSGI application that a web server runs."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semsearch_site.settings")

application = get_wsgi_application()

from gallery.access.routes import require_policies  # noqa: E402  # it needs the applications

require_policies()
