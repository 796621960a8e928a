"""The address of who asks, also where proxies stand in between."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

Network = IPv4Network | IPv6Network
# the hosts of an IPv6 network of this size have one owner, who may use another address for each request
IPV6_NETWORK = 64
LOCAL = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


def client_address(request: HttpRequest) -> str:
    """Return the address that asked, as text; "" where there is none, as on a Unix socket.

    `X-Forwarded-For` is believed only where a proxy of `TRUSTED_PROXIES` wrote it: from its end, past every
    trusted address, to the first that is not. Anybody can write what stands before that.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    trusted = _networks(tuple(settings.TRUSTED_PROXIES))
    if not trusted:
        return address
    for hop in reversed(str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")):
        if not _within(address, trusted) or not _is_address(hop.strip()):
            break
        address = hop.strip()
    return address


def is_trusted_proxy(address: str) -> bool:
    """Whether what asks from an address is a proxy of `TRUSTED_PROXIES`, whose headers are believed."""
    trusted = _networks(tuple(settings.TRUSTED_PROXIES))
    return bool(trusted) and _within(address, trusted)


def may_probe(request: HttpRequest) -> bool:
    """Whether who asks stands on this machine, or at one of `PROBE_ADDRESSES`.

    What came through a proxy that `TRUSTED_PROXIES` does not name may have come from anywhere.
    """
    if "HTTP_X_FORWARDED_FOR" in request.META and not settings.TRUSTED_PROXIES:
        return False
    return _within(client_address(request), (*LOCAL, *_networks(tuple(settings.PROBE_ADDRESSES))))


def network(address: str) -> str:
    """Return what is counted as one address: of IPv6 a network of 64 bits.

    >>> network("192.0.2.7"), network("::ffff:192.0.2.7"), network("2001:db8::7")
    ('192.0.2.7', '192.0.2.7', '2001:db8::/64')
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found), IPV6_NETWORK), strict=False))


@lru_cache(maxsize=8)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(text, strict=False) for text in texts)


def _within(address: str, networks: tuple[Network, ...]) -> bool:
    # a Unix socket has no address: what connects to it is on this machine
    if not address:
        return True
    if not _is_address(address):
        return False
    found = ip_address(address)
    # as a socket for both kinds of address writes those of IPv4
    plain = getattr(found, "ipv4_mapped", None) or found
    return any(plain in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
