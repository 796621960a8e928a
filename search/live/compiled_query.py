"""Queries that the ORM writes once and that run many times: writing one takes longer than reading rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from django.db import connection
from django.db.models import QuerySet

KEPT = 128  # statements of a query


class Prepared:
    """Reads the rows of a `values_list` query, keeping its SQL for each number of parameters.

    `query` writes it for a number of parameters, with anything in their places. No column may need to be made
    of what the database library returns.
    """

    Query: TypeAlias = QuerySet[Any, Any]

    def __init__(self, query: Callable[[int], Query]) -> None:
        self._query = query
        self._statement = lru_cache(KEPT)(self._written)

    def rows(self, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return the rows for parameters in the order of their places."""
        statement = self._statement(connection.vendor, len(parameters))
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def _written(self, vendor: str, number: int) -> str:
        statement, places = self._query(number).query.sql_with_params()
        assert len(places) == number
        return str(statement)
