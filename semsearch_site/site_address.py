"""Where the site listens, and by which names and below which path it is reached: settings, checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured
from environs import Env

T = TypeVar("T")

HIGHEST_PORT = 65_535
# what stands in front of every address: nothing else, so that no header and no slip leads to another site
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
_HOST_NAME = re.compile(r"[^\s/:@?#,*\[\]]+")


def listed(env: Env, name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Return the values of a list with commas between them, without blanks around them and empty ones."""
    values: list[str] = env.list(name, list(default))
    return [value.strip() for value in values if value.strip()]


def port(text: str) -> int:
    """Return the number of a port. Raises: ValueError with a sentence."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= HIGHEST_PORT:
        raise ValueError(f"{text!r} is no port: write a number from 1 to {HIGHEST_PORT:,}.")
    return number


def host(text: str) -> str:
    """Return a host to listen on as sockets take it: an IPv6 address without brackets.

    Raises: ValueError with a sentence, where it is more than a name or an address.
    """
    plain = text.strip()
    if plain.startswith("[") and plain.endswith("]"):
        plain = plain[1:-1]
    if _is_ipv6(plain) or _HOST_NAME.fullmatch(plain):
        return plain
    raise ValueError(
        f"{text!r} is no host: write a name or an address, 0.0.0.0 or ::, without scheme and port."
    )


def listens_on(env: Env) -> tuple[str, int]:
    """Return host and port to listen on (`HOST`, `PORT`). Raises: ImproperlyConfigured."""
    found_host = _setting("HOST", host, env.str("HOST", "") or "127.0.0.1")
    return found_host, _setting("PORT", port, env.str("PORT", "") or "8000")


def host_names(env: Env) -> list[str]:
    """Return by which names the site is known (`ALLOWED_HOSTS`), an IPv6 address in brackets.

    Raises: ImproperlyConfigured where one is more than a name.
    """
    found = []
    for name in listed(env, "ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]")):
        plain = name.removeprefix("[").removesuffix("]")
        if _is_ipv6(plain):
            found.append(f"[{plain}]")
        elif name == "*" or _HOST_NAME.fullmatch(name):
            found.append(name)
        else:
            raise ImproperlyConfigured(
                f"ALLOWED_HOSTS has {name!r}: write names or addresses, as pictures.example.org (or "
                ".example.org for all below it), without scheme, port and path."
            )
    return found


def prefix(env: Env) -> str:
    """Return the path under which the site is reached (`URL_PREFIX`), as `/semsearch`; "" for the root.

    `SCRIPT_NAME` says the same to servers of WSGI applications. Raises: ImproperlyConfigured.
    """
    given: str = env.str("URL_PREFIX", "") or env.str("SCRIPT_NAME", "")
    parts = given.strip().strip("/")
    if not parts:
        return ""
    if _PREFIX.fullmatch(f"/{parts}") is None:
        raise ImproperlyConfigured(
            f"URL_PREFIX is {given!r}: write the path alone, as /semsearch/, of letters, digits and . _ ~ -"
        )
    return f"/{parts}"


def forwarded_prefix(text: str) -> str:
    """Return the prefix that a proxy names in a header, "" where it is none."""
    found = "/" + text.split(",", 1)[0].strip().strip("/")
    return found if _PREFIX.fullmatch(found) else ""


def within(path: str, prefix: str) -> str:
    """Return a path as it is below a prefix; where it does not begin with it, a proxy took it away.

    >>> within("/semsearch/live/", "/semsearch"), within("/live/", "/semsearch"), within("/a", "")
    ('/live/', '/live/', '/a')
    """
    if prefix and (path == prefix or path.startswith(f"{prefix}/")):
        return path[len(prefix) :] or "/"
    return path


def address(host: str, port: int) -> str:
    """Return host and port as addresses of the web have them: an IPv6 address stands in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _setting(name: str, read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error
