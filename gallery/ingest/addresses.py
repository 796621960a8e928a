"""Which hosts and network addresses a user's URL may lead to: public ones only.

Registries followed: IANA "IPv4 Special-Purpose Address Registry" and "IPv6 Special-Purpose Address
Registry" (RFC 6890), as far as `ipaddress` knows them, and the forms that carry one address in another.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from gallery.errors import AddressRefusedError

_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")

# the same for every address that is refused: what a name leads to inside is told to nobody outside
_REFUSED = (
    "This address cannot be used: it is not on the public internet. "
    "Download the image yourself and upload it."
)
_GLOBAL_UNICAST_6 = IPv6Network("2000::/3")  # everything else in IPv6 is special
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_REFUSED_6 = (
    IPv6Network("2001::/23"),  # protocol assignments, among them Teredo
    IPv6Network("2002::/16"),  # 6to4, carries an IPv4 address
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("3fff::/20"),  # documentation
)
_REFUSED_4 = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("168.63.129.16/32"),  # a public number that inside one large cloud is the host machine
)


def checked_host(host: str) -> str:
    """Bring a URL's host into its one plain form: lower case, ASCII, without a trailing dot or brackets.

    Raises: AddressRefusedError for what is no host name and no plainly written address, such as
    `2130706433` or `0x7f.1`, which programs read differently.
    """
    try:
        plain = host if ":" in host else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise AddressRefusedError(f"{host!r} is not a host name: check the address") from error
    plain = plain.lower().removesuffix(".")
    try:
        return str(ip_address(plain))
    except ValueError:
        pass
    if ":" in plain or not _HOST_NAME.fullmatch(plain):
        raise AddressRefusedError(f"{host!r} is not a host name: check the address")
    if _NUMBER.fullmatch(plain.rpartition(".")[2]):
        raise AddressRefusedError(
            f"{host!r} is a number: write the address as a name or as 192.0.2.1 is written"
        )
    return plain


def check_address(host: str, address: str) -> None:
    """Refuse an address of `host` that is not on the public internet.

    Raises: AddressRefusedError.
    """
    try:
        parsed = ip_address(address)
    except ValueError as error:
        raise AddressRefusedError(_REFUSED, inner=f"{host} leads to {address!r}, no plain address") from error
    if not is_public(parsed):
        raise AddressRefusedError(
            _REFUSED, inner=f"{host} leads to {address}, which is not on the public internet"
        )


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address, and any address it carries, is on the public internet."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        return (
            address.scope_id is None
            and address in _GLOBAL_UNICAST_6
            and address.is_global
            and not any(address in network for network in _REFUSED_6)
        )
    special = (
        address.is_loopback
        or address.is_private
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or any(address in network for network in _REFUSED_4)
    )
    return address.is_global and not special
