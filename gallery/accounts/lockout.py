"""Makes guessing slow: after some wrong passwords, tokens or codes one has to wait, longer each time.

What is counted, and how fast it is forgotten, differs by who guesses: at an account from an address, from an
address at any account, at an account from anywhere. Every process counts in the same rows. A guess counts as
wrong before it is looked at and is taken back when it was right: many at once get no further than one by one.

django-axes forgets by the wait of whoever guesses next: with waits that grow, the short one of a newcomer
would end the long ones of all others. It knows accounts only, and takes no count back.

A browser in which an account has signed in before has a count of its own, and none of the others applies to
it: strangers who guess cannot keep the owner of an account out (OWASP calls this device cookies).
"""

from __future__ import annotations

import logging
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from gallery.access import audit
from gallery.access.client_address import client_address, network
from gallery.accounts.known_browsers import browser_of
from gallery.accounts.models import FailedAttempts
from gallery.errors import SemsearchError

logger = logging.getLogger(__name__)

LONGEST_NAME = 150  # of an account, as Django stores it
FORGOTTEN_AFTER = timedelta(days=2)


@dataclass(frozen=True)
class Rule:
    """So many wrong guesses cost nothing; then there is a wait, and each further wrong guess doubles it."""

    free: int
    first_wait_s: float
    longest_wait_s: float
    forgets_every_s: float

    def wait_s(self, failures: int) -> float:
        """Return how long nobody may guess after the last of so many wrong guesses."""
        if failures < self.free:
            return 0.0
        return min(self.longest_wait_s, self.first_wait_s * 2.0 ** min(failures - self.free, 32))

    def left(self, failures: int, age_s: float) -> int:
        """Return how many wrong guesses still count so long after the last."""
        # clocks of two machines may differ: a guess can seem older than the one before it
        return max(0, failures - int(max(0.0, age_s) // self.forgets_every_s))


ACCOUNT_FROM_ADDRESS = Rule(free=5, first_wait_s=30, longest_wait_s=86_400, forgets_every_s=3600)
# an office with one address mistypes some passwords a day
ADDRESS = Rule(free=20, first_wait_s=30, longest_wait_s=3600, forgets_every_s=300)
# short, because anybody who has many addresses can bring it about
ACCOUNT = Rule(free=30, first_wait_s=30, longest_wait_s=900, forgets_every_s=600)


@dataclass(frozen=True)
class Limit:
    """A count that a guess adds to; where `own`, a right guess clears it."""

    who: str
    rule: Rule
    own: bool = False


class TooManyAttemptsError(SemsearchError):
    """Somebody has guessed wrong too often and has to wait `retry_after_s` seconds."""

    code = "too_many_attempts"
    status = 429

    def __init__(self, retry_after_s: int) -> None:
        self.wait = _in_words(retry_after_s)
        super().__init__(f"Too many wrong attempts. Try again in {self.wait}.")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class _Counted:
    """A row as it was before a guess was counted, and after."""

    limit: Limit
    failures: int
    last_at: datetime
    failures_now: int
    now: datetime


class Guess:
    """A guess that has been counted as wrong; whoever looks at it says what it was."""

    def __init__(self, counted: Sequence[_Counted]) -> None:
        self._counted = counted

    def was_right(self) -> None:
        """Take it back."""
        for row in self._counted:
            found = FailedAttempts.objects.filter(who=row.limit.who)
            if row.limit.own:
                found.delete()
            elif not found.filter(failures=row.failures_now, last_at=row.now).update(
                failures=row.failures, last_at=row.last_at
            ):  # another guess was counted in the meantime
                found.filter(failures__gt=0).update(failures=F("failures") - 1)

    def was_wrong(self) -> None:
        """Leave it counted; a wait that follows from it is logged and stands in the audit."""
        for row in self._counted:
            if wait_s := row.limit.rule.wait_s(row.failures_now):
                # what was typed may hold signs that terminals obey
                logger.warning("After %d wrong: %r, wait %d s", row.failures_now, row.limit.who, wait_s)
                audit.record("account.locked", row.limit.who, wait_s=int(wait_s))


def begin(limits: Sequence[Limit]) -> Guess:
    """Count a guess. Raises: TooManyAttemptsError, and then it is not counted and must not be looked at."""
    # most that are refused are refused here, without a transaction that writes
    _refuse(limits, {row.who: row for row in FailedAttempts.objects.filter(who__in=_names(limits))})
    with transaction.atomic():
        new = [FailedAttempts(who=who, last_at=timezone.now()) for who in _names(limits)]
        FailedAttempts.objects.bulk_create(new, ignore_conflicts=True)
        locked = FailedAttempts.objects.select_for_update().filter(who__in=_names(limits)).order_by("who")
        rows = {row.who: row for row in locked}
        _refuse(limits, rows)
        now = timezone.now()
        counted = list(_count(limits, rows, now))
        FailedAttempts.objects.bulk_update(rows.values(), ["failures", "last_at"])
        FailedAttempts.objects.filter(last_at__lt=now - FORGOTTEN_AFTER).delete()
    return Guess(counted)


def password_limits(request: HttpRequest, username: str) -> list[Limit]:
    """Return what a guess at the password of an account adds to, whether there is such an account or not."""
    account = account_key(username)
    if browser := browser_of(request, account):
        return [Limit(f"password of {account} in browser {browser}", ACCOUNT_FROM_ADDRESS, own=True)]
    address = address_key(request)
    return [
        Limit(f"password of {account} from {address}", ACCOUNT_FROM_ADDRESS, own=True),
        Limit(f"passwords from {address}", ADDRESS),
        Limit(f"password of {account}", ACCOUNT),
    ]


def token_limits(request: HttpRequest) -> list[Limit]:
    """Return what a token that is none adds to."""
    return [Limit(f"tokens from {address_key(request)}", ADDRESS)]


def code_limits(request: HttpRequest) -> list[Limit]:
    """Return what a guess at the code of the first account adds to."""
    return [Limit(f"code of the first account from {address_key(request)}", ACCOUNT_FROM_ADDRESS, own=True)]


def account_key(username: str) -> str:
    """Return the name of an account as it is counted: the same for every way to write it."""
    return unicodedata.normalize("NFKC", username).casefold()[:LONGEST_NAME]


def address_key(request: HttpRequest) -> str:
    """Return the address of who asks as it is counted: of IPv6, the network."""
    return network(client_address(request)) or "this machine"


def _names(limits: Sequence[Limit]) -> list[str]:
    # in one order, so that two that count at once cannot wait for each other
    return sorted(limit.who for limit in limits)


def _refuse(limits: Sequence[Limit], rows: dict[str, FailedAttempts]) -> None:
    now = timezone.now()
    wait_s = 0.0
    for limit in limits:
        if row := rows.get(limit.who):
            since_s = (now - row.last_at).total_seconds()
            wait_s = max(wait_s, limit.rule.wait_s(row.failures) - since_s)
    if wait_s > 0:
        raise TooManyAttemptsError(math.ceil(wait_s))


def _count(limits: Sequence[Limit], rows: dict[str, FailedAttempts], now: datetime) -> Iterator[_Counted]:
    for limit in limits:
        row = rows[limit.who]
        before, last_at = row.failures, row.last_at
        row.failures = limit.rule.left(before, (now - last_at).total_seconds()) + 1
        row.last_at = now
        yield _Counted(limit, before, last_at, row.failures, now)


def _in_words(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    if seconds < 7200:
        return f"{math.ceil(seconds / 60)} minutes"
    return f"{math.ceil(seconds / 3600)} hours"
