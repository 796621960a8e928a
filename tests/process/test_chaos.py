"""A small run on PostgreSQL and Redis during which every part of the site is killed."""

from __future__ import annotations

import pytest
from django.conf import settings

from benchmarks.fleet import chaos
from tests.support import services

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(services.embedded(), reason="is about servers: see make test-servers"),
]


def test_a_run_in_which_workers_redis_and_the_web_server_are_killed_loses_and_repeats_nothing(
    converted_network: None,
) -> None:
    found = chaos.compared(chaos.Plan(count=240, kills=2, workers=2), settings.CACHE_ROOT)
    assert found["kills"] == {"worker": 2, "redis": 2, "web server": 2}
    # compared() raises when a picture is missing, there twice, or a job has not succeeded
    assert found["ok"]
    assert found["indexed"] == found["embeddings"] == 240
