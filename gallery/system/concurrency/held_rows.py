"""Keeps rows as they are while a transaction writes, or removes, others that point at them.

SQLite has one transaction at a time that writes: there it is enough to look. On PostgreSQL rows are locked in
the order of their keys, so that no two wait for each other.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet


def held(rows: QuerySet[Any]) -> set[int]:
    """Return the keys of those of these rows that are there; none goes before the caller's transaction ends.

    Whoever deletes them waits until then, and then sees what was written.
    """
    return _keys(rows, "FOR KEY SHARE")


def locked(rows: QuerySet[Any]) -> set[int]:
    """Return the keys of those of these rows that are there; nobody else points at them from now on.

    Whoever is about to waits until the caller's transaction ends, and then sees whether they are gone.
    """
    return _keys(rows, "FOR UPDATE")


def _keys(rows: QuerySet[Any], strength: str) -> set[int]:
    query = rows.order_by("pk").values_list("pk", flat=True)
    if connection.vendor != "postgresql":
        return set(query)
    try:
        statement, parameters = query.query.sql_with_params()
    except EmptyResultSet:  # of no keys
        return set()
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} {strength} OF {rows.model._meta.db_table}", parameters)
        return {pk for (pk,) in cursor.fetchall()}
