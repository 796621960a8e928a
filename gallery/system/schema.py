"""Whether the tables of the database are those that this version of the program was written for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from gallery.errors import SemsearchError

Names = frozenset[tuple[str, str]]


class SchemaError(SemsearchError):
    """The database is of another version than the program."""

    code = "other_schema"
    status = 503


@dataclass(frozen=True)
class SchemaState:
    """Migrations by application and name: those still to be run, and those that are not known here."""

    pending: list[tuple[str, str]]
    unknown: list[tuple[str, str]]


def state() -> SchemaState:
    """Compare the database with the program, in one query. Raises: DatabaseError."""
    to_run, known = _migrations()
    applied = frozenset(MigrationRecorder(connection).applied_migrations())
    applications = {application for application, _ in to_run}
    # an application that is gone, as after an upgrade of a library, leaves its names behind
    ours = {(application, name) for application, name in applied if application in applications}
    return SchemaState(sorted(to_run - applied), sorted(ours - known))


def check() -> None:
    """Raises: SchemaError where the database is older or newer than the program."""
    found = state()
    if found.unknown:
        raise SchemaError(
            "The database was brought up to date by a newer version of semsearch: run that version.",
            inner=f"not known here: {_listed(found.unknown)}",
        )
    if found.pending:
        raise SchemaError(
            "The database is older than this version of semsearch: run manage.py migrate.",
            inner=f"to be run: {_listed(found.pending)}",
        )


def _listed(names: list[tuple[str, str]]) -> str:
    return ", ".join(f"{application}.{name}" for application, name in names)


@cache
def _migrations() -> tuple[Names, Names]:
    """Return the migrations that have to have been run, and all that are known, with those they replace."""
    migrations = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    replaced = {name for migration in migrations.values() for name in migration.replaces}
    return frozenset(migrations) - replaced, frozenset(migrations) | replaced
