"""The application that a web server runs, for tests that ask it in their own process."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from semsearch_site import home


def application() -> Any:
    """Return it, loaded without the look at the home, which would close the connection of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(home, "up_to_date_or_exit", lambda: None)
        return import_module("semsearch_site.wsgi").application
