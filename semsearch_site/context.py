"""What every page may show, whoever renders it."""

from __future__ import annotations

from django.http import HttpRequest

from gallery.access import gate, policies
from gallery.version import VERSION


def version(request: HttpRequest) -> dict[str, str]:
    """Return the version for the foot of a page; strangers to a closed site are not told it."""
    return {"version": VERSION if gate.lets_in(policies.READING, request) else ""}
