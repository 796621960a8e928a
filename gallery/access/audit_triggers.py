"""The triggers by which the database itself refuses to change or remove an entry of the audit.

They hold for every way of writing, the database's own shell as well; only `lifted` lets old entries go.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction

from gallery.counts.sql import function
from gallery.counts.triggers import Triggers
from gallery.models import AuditEntry

TABLE = AuditEntry._meta.db_table
REFUSAL = "the audit is append-only"
LIFTED = "semsearch.audit_lifted"

_SQLITE = (
    f"""CREATE TRIGGER IF NOT EXISTS audit_no_update BEFORE UPDATE ON {TABLE}
    BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    f"""CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON {TABLE}
    BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    # INSERT OR REPLACE removes what is there without asking the trigger above
    f"""CREATE TRIGGER IF NOT EXISTS audit_no_replace BEFORE INSERT ON {TABLE}
    WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
)
_REFUSE = f"RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';"
_REFUSE_UNLESS_LIFTED = f"""
    IF current_setting('{LIFTED}', true) IS DISTINCT FROM 'on' THEN {_REFUSE} END IF;"""
_POSTGRESQL = (
    function("audit_no_update", _REFUSE),
    f"""CREATE TRIGGER audit_no_update BEFORE UPDATE ON {TABLE}
        FOR EACH STATEMENT EXECUTE FUNCTION audit_no_update()""",
    function("audit_no_delete", _REFUSE_UNLESS_LIFTED),
    f"""CREATE TRIGGER audit_no_delete BEFORE DELETE OR TRUNCATE ON {TABLE}
        FOR EACH STATEMENT EXECUTE FUNCTION audit_no_delete()""",
)
NAMES = ("audit_no_update", "audit_no_delete", "audit_no_replace")

TRIGGERS = Triggers(NAMES, {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}, {TABLE: "details"})


@contextmanager
def lifted(using: str = "default") -> Iterator[None]:
    """Let this transaction remove entries: for what is kept no longer, and for an emptied database."""
    connection = connections[using]
    with transaction.atomic(using=using), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"SET LOCAL {LIFTED} = 'on'")
            yield
            cursor.execute(f"SET LOCAL {LIFTED} = 'off'")
            return
        cursor.execute("SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = 'audit_no_delete'")
        there = cursor.fetchone() is not None
        # in one transaction nobody else sees the table without its triggers
        cursor.execute("DROP TRIGGER IF EXISTS audit_no_delete")
        yield
        for statement in _SQLITE if there else ():
            cursor.execute(statement)
