"""What every page may show, whoever renders it."""

from __future__ import annotations

from django.http import HttpRequest

from gallery.access import gate, policies
from gallery.system.home.shipped_files import program
from gallery.version import VERSION


def version(request: HttpRequest) -> dict[str, str]:
    """Return the version for the foot of a page, and how commands are typed.

    Strangers to a closed site are not told the version.
    """
    return {"version": VERSION if gate.lets_in(policies.READING, request) else "", "program": program()}
