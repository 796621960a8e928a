"""Counts how often something happened lately: what a count is, and that of a server, for all machines.

Of hits at the same moment exactly as many pass as may: looking and adding are one step.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

logger = logging.getLogger(__name__)

PREFIX = "semsearch:rate:"
# a server that does not answer must not hold up what is counted
ANSWERS_WITHIN_S = 0.5
# how long it is not asked again, and not spoken of again
LEFT_ALONE_S = 5.0
SAID_EVERY_S = 60.0

# keys: the window. arguments: how many hits, in how many milliseconds. The clock is the server's: those of
# several machines may differ. Returns how many are left, and the milliseconds until the oldest is forgotten.
_HIT = """
local clock = redis.call('time')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local times, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local oldest = redis.call('lindex', KEYS[1], -1)
while oldest and now - oldest >= period do
    redis.call('rpop', KEYS[1])
    oldest = redis.call('lindex', KEYS[1], -1)
end
local left = times - redis.call('llen', KEYS[1])
if left <= 0 then return {-1, period - (now - (oldest or now))} end
redis.call('lpush', KEYS[1], string.format('%d', now))
redis.call('pexpire', KEYS[1], period)
return {left - 1, period - (now - (oldest or now))}
"""


@dataclass(frozen=True)
class Rate:
    """So many hits in so many seconds."""

    times: int
    period_s: int


class Hit(NamedTuple):
    """Whether a hit was one too many, how many are left now, and when the oldest is forgotten."""

    refused: bool
    left: int
    reset_s: float


class Counter(Protocol):
    """Counts hits by key."""

    def hit(self, key: str, rate: Rate) -> Hit | None:
        """Count a hit, unless it is one too many; None where nobody counts."""
        ...


class ServerCounter:
    """Counts in a Valkey or Redis that all machines share; while it is away nothing is counted.

    A count is a moving window: the times of the last hits, no more than are allowed.
    """

    def __init__(self, client: Any) -> None:
        self._script = client.register_script(_HIT)
        self._asked_again_at = self._said_again_at = 0.0

    def hit(self, key: str, rate: Rate) -> Hit | None:
        """Count a hit, unless it is one too many; None while the server is away."""
        from redis.exceptions import RedisError

        if time.monotonic() < self._asked_again_at:
            return None
        try:
            left, reset_ms = self._script([PREFIX + key], [rate.times, rate.period_s * 1000])
        except (RedisError, OSError) as error:
            self._left_alone(error)
            return None
        return Hit(left < 0, max(left, 0), reset_ms / 1000)

    def _left_alone(self, error: Exception) -> None:
        now = time.monotonic()
        self._asked_again_at = now + LEFT_ALONE_S
        if now >= self._said_again_at:
            self._said_again_at = now + SAID_EVERY_S
            logger.warning("Rates are not counted while the server does not answer: %s", error)


def client_of(url: str) -> Any:
    """Return a client of the server at an address."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return Redis.from_url(
        url,
        socket_connect_timeout=ANSWERS_WITHIN_S,
        socket_timeout=ANSWERS_WITHIN_S,
        # once: the server may have closed a connection that nobody used
        retry=Retry(NoBackoff(), 1),
    )
