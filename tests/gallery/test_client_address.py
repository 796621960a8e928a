"""The address of who asks behind proxies."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from gallery.access.client_address import client_address

PROXIES = ["10.0.0.0/8", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),  # no proxy of ours
        ("10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "1.1.1.1, 198.51.100.1, 10.0.0.3", "198.51.100.1"),  # what the client wrote stands first
        ("10.0.0.2", "198.51.100.1, nonsense", "10.0.0.2"),
        ("10.0.0.2", "", "10.0.0.2"),
        ("2001:db8::1", "198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", "198.51.100.1"),  # a Unix socket
    ],
)
def test_only_trusted_proxies_say_who_asks(settings: Any, peer: str, forwarded: str, address: str) -> None:
    settings.TRUSTED_PROXIES = PROXIES
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == address


def test_without_trusted_proxies_no_header_counts(settings: Any) -> None:
    settings.TRUSTED_PROXIES = []
    request = RequestFactory().get("/", REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.1")
    assert client_address(request) == "127.0.0.1"
