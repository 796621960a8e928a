"""Fixtures of the tests of accounts and tokens."""

from __future__ import annotations

import pytest

from tests.support.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock, which only the test moves."""
    return Clock(monkeypatch)
