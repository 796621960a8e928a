"""Eight clients do everything at once to a real site: nothing fails, nothing grows, everything agrees."""

from __future__ import annotations

import os

import pytest

from tests.support.load import UNTHROTTLED, Load
from tests.support.prepared import Prepared
from tests.support.site import RunningSite, report

pytestmark = pytest.mark.process

MINUTES = float(os.environ.get("LOAD_MINUTES", "30"))
GROWTH = 0.05


def loaded(prepared: Prepared, seconds: float) -> Load:
    """Return a load that was applied to a site, whose jobs have ended since."""
    with RunningSite(prepared.home, token=prepared.token, **UNTHROTTLED) as site:
        load = Load(site, seconds)
        load.run()
        load.settle(within_s=max(120.0, seconds))
        assert load.failures() == [], site.log()[-4000:]
        assert "Traceback" not in site.log()
    return load


def test_a_short_load_of_everything_at_once_fails_nothing_and_leaves_all_in_agreement(
    prepared: Prepared,
) -> None:
    load = loaded(prepared, 8.0)
    assert {what for what, _ in load.answers} > {"search", "add", "delete_image", "undelete", "relabel"}, (
        load.answers
    )
    assert report(prepared.home, "verify")["ok"]


@pytest.mark.hostile
@pytest.mark.slow
def test_a_long_load_of_everything_at_once_lets_no_process_grow(prepared: Prepared) -> None:
    load = loaded(prepared, 60 * MINUTES)
    assert {name: share for name, share in load.growth().items() if share > GROWTH} == {}
    assert report(prepared.home, "verify")["ok"]
