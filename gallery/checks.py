"""System checks of the settings, each with an id and a hint."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

LEAST = {
    "MAX_PICTURE_BYTES": 1,
    "MAX_PICTURE_PIXELS": 1,
    "MAX_ARCHIVE_BYTES": 1,
    "MAX_ARCHIVE_MEMBERS": 1,
    "MAX_RESULTS_PER_PAGE": 1,
    "DECODE_MEMORY_MB": 128,  # a helper that reads pictures needs some of its own
    "DECODE_TIMEOUT_S": 1,
    "DECODE_WAIT_S": 0,
    "IMPORT_TIMEOUT_S": 1,
}


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """Return what is wrong with the settings."""
    found: list[CheckMessage] = []
    if not re.fullmatch(r"\d+/(s|sec|second|m|min|minute|h|hour|d|day)", settings.SEARCH_THROTTLE):
        found.append(
            Error(
                f"SEARCH_THROTTLE is {settings.SEARCH_THROTTLE!r}.",
                hint="Write a number and a period, for example 120/min.",
                id="gallery.E001",
            )
        )
    for name, least in LEAST.items():
        if getattr(settings, name) < least:
            found.append(
                Error(f"{name} must be {least} or more.", hint="Unset it for the default.", id="gallery.E002")
            )
    if settings.DEBUG and "*" in settings.ALLOWED_HOSTS:
        found.append(
            Warning(
                "DEBUG is on and every host name is allowed.",
                hint="Unset DEBUG, or name the hosts in ALLOWED_HOSTS.",
                id="gallery.W001",
            )
        )
    return found
