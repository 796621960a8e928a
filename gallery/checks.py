"""System checks of the settings, each with an id and a hint."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from gallery.access import routes


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
    for name in ("MAX_PICTURE_BYTES", "MAX_PICTURE_PIXELS", "MAX_ARCHIVE_BYTES", "MAX_RESULTS_PER_PAGE"):
        if getattr(settings, name) < 1:
            found.append(
                Error(f"{name} must be 1 or more.", hint="Unset it for the default.", id="gallery.E002")
            )
    if settings.SESSION_COOKIE_AGE < 1:
        found.append(
            Error(
                "SESSION_DAYS must be 1 or more: nobody could stay signed in.",
                hint="Unset it for the default.",
                id="gallery.E020",
            )
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


@register(Tags.urls)
def check_policies(**_: Any) -> list[CheckMessage]:
    """Return which routes have no policy: nobody is let in there."""
    hint = "Add it to TABLE in gallery/access/policies.py."
    return [Error(f"{gap[0].upper()}{gap[1:]}.", hint=hint, id="gallery.E030") for gap in routes.gaps()]
