"""Takes the tables of an empty installation away, so that those of a backup can be made."""

from __future__ import annotations

from django.core.management import call_command
from django.core.management.commands import migrate
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from gallery.system.home import homes


def drop_all() -> None:
    """Drop the tables of every application that is installed; those of others in the database stay.

    The caller knows that nothing is in them that anybody wants.
    """
    if homes.read().is_older:
        # tables of before have names that only migrations know
        call_command(migrate.Command(), verbosity=0, interactive=False)
    ours = [*connection.introspection.django_table_names(only_existing=True)]
    ours.append(MigrationRecorder.Migration._meta.db_table)
    cascade = " CASCADE" if connection.vendor == "postgresql" else ""
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        for table in ours:
            cursor.execute(f"DROP TABLE IF EXISTS {connection.ops.quote_name(table)}{cascade}")
