"""What is read from the environment becomes what the parts of the site take."""

from __future__ import annotations

import pytest
from gunicorn.util import parse_address

from semsearch_site import env


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::", "localhost"])
def test_the_web_server_understands_where_it_shall_listen(host: str) -> None:
    assert parse_address(env.address(host, 8123)) == (host, 8123)
