"""Ids that a test chose itself, and those that PostgreSQL gives next."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.management.color import no_style
from django.db import connection, models


def count_on(tables: Sequence[type[models.Model]]) -> None:
    """Let the next ids follow those that are stored: PostgreSQL counts on from the last it gave itself."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), tables):
            cursor.execute(statement)
