"""System checks of the settings, each with an id and a hint."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from gallery.access import rates, routes
from gallery.access.rate_file import FileCounter
from gallery.system.commands import SETTINGS

LEAST = {
    "MAX_PICTURE_BYTES": 1,
    "MAX_PICTURE_PIXELS": 1,
    "MAX_PICTURE_SIDE": 1,
    "MAX_ARCHIVE_BYTES": 1,
    "MAX_ARCHIVE_MEMBERS": 1,
    "MAX_RESULTS_PER_PAGE": 1,
    "DECODE_MEMORY_MB": 128,  # a helper that reads pictures needs some of its own
    "DECODE_TIMEOUT_S": 1,
    "DECODE_WAIT_S": 0,
    "IMPORT_TIMEOUT_S": 1,
    "MEMBER_THROTTLE_FACTOR": 1,
    "TOKEN_THROTTLE_FACTOR": 1,
    "DERIVED_FILES_MB": 1,
    "MIN_FREE_MB": 0,
    "TRASH_DAYS": 0,
    "WEB_THREADS": 1,
    "WEB_CONNECTIONS": 1,
    "HEADER_TIMEOUT_S": 1,
    "SLOW_CLIENT_BYTES_S": 1,
    "FETCH_PLACES": 1,
    "CHECK_INDEXES_MB": 1,
}


@register(SETTINGS)
def check_settings(**_: Any) -> list[CheckMessage]:
    """Return what is wrong with the settings."""
    found: list[CheckMessage] = []
    for name, least in LEAST.items():
        if getattr(settings, name) < least:
            found.append(
                Error(f"{name} must be {least} or more.", hint="Unset it for the default.", id="gallery.E002")
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


@register(SETTINGS)
def check_rates(**_: Any) -> list[CheckMessage]:
    """Return what is wrong with the rates, and with whose addresses they count."""
    found: list[CheckMessage] = []
    for name in (f"{throttle.upper()}_THROTTLE" for throttle in rates.Throttle):
        text = getattr(settings, name)
        if not rates.FORM.fullmatch(text):
            hint = "Write a number and a period, for example 120/min."
            found.append(Error(f"{name} is {text!r}.", hint=hint, id="gallery.E001"))
    for name in ("TRUSTED_PROXIES", "PROBE_ADDRESSES"):
        for address in getattr(settings, name):
            try:
                ip_network(address, strict=False)
            except ValueError:
                hint = "Name addresses or networks, for example 127.0.0.1,10.0.0.0/8."
                found.append(Error(f"{name} has {address!r}.", hint=hint, id="gallery.E010"))
    counter = rates.counter()
    if isinstance(counter, FileCounter) and not counter.is_shared:
        found.append(
            Warning(
                f"Rates cannot be counted in {settings.RATE_FILE}, so each web process counts for itself.",
                hint="Let this account write there, or set REDIS_URL.",
                id="gallery.W010",
            )
        )
    return found
