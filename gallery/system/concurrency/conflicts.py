"""Repeats transactions that others got in the way of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction

Result = TypeVar("Result")

TRIED = 5
# of PostgreSQL: two transactions that waited for each other, of which it ended one
DEADLOCK = "40P01"
# a row to point at, or a place that only one may take: PostgreSQL's names, and SQLite's words
BETWEEN_ROWS = ("23503", "23505", "FOREIGN KEY constraint", "UNIQUE constraint")


class OvertakenError(IntegrityError):
    """Somebody else has changed rows since they were read: the transaction is to be done again."""


def is_conflict(error: Exception) -> bool:
    """Whether somebody else removed or wrote, in the same moment, a row that this was about."""
    if isinstance(error, OvertakenError):
        return True
    if isinstance(error, IntegrityError):
        return _state(error) in BETWEEN_ROWS or any(words in str(error) for words in BETWEEN_ROWS)
    return isinstance(error, OperationalError) and _state(error) == DEADLOCK


def repeated(work: Callable[[], Result]) -> Result:
    """Do work in a transaction of its own, and again where another one got in its way.

    Within a transaction it is done once: what is broken there only the whole can repeat.
    """
    for _ in range(0 if connection.in_atomic_block else TRIED - 1):
        try:
            with transaction.atomic():
                return work()
        except (IntegrityError, OperationalError) as error:
            if not is_conflict(error):
                raise
    with transaction.atomic():
        return work()


def _state(error: Exception) -> str:
    return str(getattr(error.__cause__, "sqlstate", "") or "")
