"""Counts how often something happened lately, exactly and for all processes, in Valkey or Redis.

A count is a moving window: the times of the last hits, no more than are allowed. Looking and adding are one
step, so of hits at the same moment no more pass than may. Without a server each process counts for itself.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from django.conf import settings

from gallery.system import outages

PREFIX = "semsearch:rate:"
# of the embedded server; the messages of jobs are in number 0
DATABASE = 1
# a server that does not answer must not hold up what is counted
ANSWERS_WITHIN_S = 0.5
# how long it is not asked again
LEFT_ALONE_S = 5.0
MOST_KEYS = 20_000  # in memory

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


class MemoryCounter:
    """Counts in this process alone."""

    def __init__(self) -> None:
        self._windows: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def hit(self, key: str, rate: Rate) -> Hit | None:
        """Count a hit, unless it is one too many."""
        with self._lock:
            now = time.monotonic()
            window = self._windows.setdefault(key, deque())
            self._windows.move_to_end(key)
            while len(self._windows) > MOST_KEYS:
                self._windows.popitem(last=False)
            while window and now - window[0] >= rate.period_s:
                window.popleft()
            reset_s = rate.period_s - (now - window[0] if window else 0.0)
            if len(window) >= rate.times:
                return Hit(True, 0, reset_s)
            window.append(now)
            return Hit(False, rate.times - len(window), reset_s)


class ServerCounter:
    """Counts in a server that all processes share; while it is away nothing is counted."""

    def __init__(self, client: Any) -> None:
        self._script = client.register_script(_HIT)
        self._asked_again_at = 0.0

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
        outages.RATES.ended()
        return Hit(left < 0, max(left, 0), reset_ms / 1000)

    def _left_alone(self, error: Exception) -> None:
        self._asked_again_at = time.monotonic() + LEFT_ALONE_S
        outages.RATES.began(error)


def counter() -> Counter:
    """Return what counts for this process."""
    return _counter(settings.REDIS_URL, str(settings.BROKER_SOCKET))


def is_shared() -> bool:
    """Whether all web processes of this site count together, as far as that can be told from here."""
    return bool(settings.REDIS_URL) or _embedded(str(settings.BROKER_SOCKET)) is not None


@lru_cache(maxsize=4)
def _counter(url: str, socket: str) -> Counter:
    """Return the counter of a server: the one that is named, else the embedded one where it runs."""
    client = _client(url) if url else _embedded(socket)
    return MemoryCounter() if client is None else ServerCounter(client)


def _embedded(socket: str) -> Any:
    """Return a client of the embedded server, None where it does not run: only `serve` starts it."""
    from redis.exceptions import BusyLoadingError, RedisError

    if not Path(socket).exists():
        return None
    client = _client(f"unix://{socket}?db={DATABASE}")
    try:
        client.ping()
    except BusyLoadingError:  # it has just started, and reads its queue
        return client
    except (RedisError, OSError):
        return None
    return client


def _client(url: str) -> Any:
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
