"""Triggers of the database's own, as those that count: put there after a migration, away while tables change.

A database refuses to rebuild a table that a trigger names. So they are taken away before a migration that
changes something, and put back afterwards, those that count with everything counted anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper


def _nothing(using: str | None) -> None:
    pass


@dataclass(frozen=True)
class Triggers:
    """The triggers of an application, and how everything that they count, if they do, is counted anew.

    `install` holds the statements by database vendor, `columns` which tables they need and a column of each:
    without them (after going back to an earlier migration) nothing is put. The name of a trigger, and on
    PostgreSQL of its function, is its table's own.
    """

    names: tuple[str, ...]
    install: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, str]
    recount: Callable[[str | None], None] = _nothing

    def remove(self, sender: AppConfig, using: str, plan: list[Any], **_: Any) -> None:
        """Before a migration that changes something: let tables be rebuilt."""
        connection = connections[using]
        if plan and connection.vendor in self.install:
            # a function takes its trigger with it, and may be there or not without its table
            sqlite = connection.vendor == "sqlite"
            drop = "DROP TRIGGER IF EXISTS {}" if sqlite else "DROP FUNCTION IF EXISTS {}() CASCADE"
            with connection.cursor() as cursor:
                for name in self.names:
                    cursor.execute(drop.format(name))

    def put(self, sender: AppConfig, using: str, **_: Any) -> None:
        """After a migration: put the triggers, and count once what is there."""
        connection = connections[using]
        if connection.vendor not in self.install or not self._wanted(connection):
            return
        with transaction.atomic(using=using):
            with connection.cursor() as cursor:
                for statement in self.install[connection.vendor]:
                    cursor.execute(statement)
            self.recount(using)

    def _wanted(self, connection: BaseDatabaseWrapper) -> bool:
        """Whether the tables are there as they must be, and the triggers are not."""
        with connection.cursor() as cursor:
            cursor.execute(_INSTALLED[connection.vendor], [self.names[0]])
            if cursor.fetchone() is not None:
                return False  # asked first: what tables are like takes SQLite longer to tell
            tables = set(connection.introspection.table_names(cursor))
            for table, column in self.columns.items():
                if table not in tables:
                    return False
                described = connection.introspection.get_table_description(cursor, table)
                if column not in {one.name for one in described}:
                    return False
            return True


_INSTALLED = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = %s",
    # of the schema in use: another may hold another installation
    "postgresql": "SELECT 1 FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid "
    "WHERE tgname = %s AND relnamespace = current_schema()::regnamespace",
}
