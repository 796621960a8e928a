"""The triggers that count images by category and failed files by job, as SQLite and PostgreSQL write them.

A duplicate is listed with the failed files and counted with none: its image is here.

They raise the revision of a dataset as well: by one a row on SQLite, by one a statement on PostgreSQL. Only
that it is another one means anything. An example, with a dataset 7 at revision 3 and no images yet:

    INSERT INTO gallery_image (dataset_id, category, ...) VALUES (7, 'cats', ...), (7, 'dogs', ...)
        -> categories (7, 'cats', 1), (7, 'dogs', 1); revision 5 on SQLite, 4 on PostgreSQL
    UPDATE gallery_image SET category = 'dogs' WHERE category = 'cats'
        -> categories (7, 'dogs', 2), the row of the cats is gone; revision 7 (one taken, one given) or 5
    UPDATE gallery_image SET width = 640
        -> nothing: no label changed
    UPDATE gallery_image SET deleted_at = '2026-01-01 12:00' WHERE id = 1
        -> it is hidden: counted as one that is removed; as one that is added when it is NULL again
"""

from __future__ import annotations

# not an upsert: where the statement that fires a trigger says "OR IGNORE", SQLite applies that inside as well
_SQLITE_ADD = """
    INSERT INTO gallery_category (dataset_id, name, images)
        SELECT NEW.dataset_id, NEW.category, 0 WHERE NOT EXISTS (
            SELECT 1 FROM gallery_category WHERE dataset_id = NEW.dataset_id AND name = NEW.category);
    UPDATE gallery_category SET images = images + 1
        WHERE dataset_id = NEW.dataset_id AND name = NEW.category;
    UPDATE gallery_dataset SET revision = revision + 1 WHERE id = NEW.dataset_id;"""
_SQLITE_TAKE = """
    UPDATE gallery_category SET images = images - 1
        WHERE dataset_id = OLD.dataset_id AND name = OLD.category;
    DELETE FROM gallery_category
        WHERE dataset_id = OLD.dataset_id AND name = OLD.category AND images = 0;
    UPDATE gallery_dataset SET revision = revision + 1 WHERE id = OLD.dataset_id;"""

# whether a row is shown, as `gallery.models.SHOWN_IMAGE` says it
_SHOWN = "({row}.deleted_at IS NULL AND {row}.missing_since IS NULL)"
_OLD_SHOWN, _NEW_SHOWN = _SHOWN.format(row="OLD"), _SHOWN.format(row="NEW")

_SQLITE = (
    f"""CREATE TRIGGER count_image_added AFTER INSERT ON gallery_image WHEN {_NEW_SHOWN}
    BEGIN {_SQLITE_ADD} END""",
    f"""CREATE TRIGGER count_image_removed AFTER DELETE ON gallery_image WHEN {_OLD_SHOWN}
    BEGIN {_SQLITE_TAKE} END""",
    f"""CREATE TRIGGER count_image_relabelled AFTER UPDATE OF dataset_id, category ON gallery_image
    WHEN {_OLD_SHOWN} AND {_NEW_SHOWN}
        AND (OLD.category <> NEW.category OR OLD.dataset_id <> NEW.dataset_id)
    BEGIN {_SQLITE_TAKE} {_SQLITE_ADD} END""",
    f"""CREATE TRIGGER count_image_hidden AFTER UPDATE OF deleted_at, missing_since ON gallery_image
    WHEN {_OLD_SHOWN} AND NOT {_NEW_SHOWN} BEGIN {_SQLITE_TAKE} END""",
    f"""CREATE TRIGGER count_image_shown AFTER UPDATE OF deleted_at, missing_since ON gallery_image
    WHEN NOT {_OLD_SHOWN} AND {_NEW_SHOWN} BEGIN {_SQLITE_ADD} END""",
    """CREATE TRIGGER count_failure_added AFTER INSERT ON gallery_failedfile WHEN NEW.code <> 'duplicate'
    BEGIN UPDATE gallery_job SET failed = failed + 1 WHERE id = NEW.job_id; END""",
    """CREATE TRIGGER count_failure_removed AFTER DELETE ON gallery_failedfile WHEN OLD.code <> 'duplicate'
    BEGIN UPDATE gallery_job SET failed = failed - 1 WHERE id = OLD.job_id; END""",
)

# A statement's rows are counted together: many rows of one category are one change of its row. Datasets are
# locked first, in one order, and hold the rows of their categories: two imports into the same ones wait for
# each other instead of for ever. The lock leaves foreign keys that point to a dataset free to be checked.
_POSTGRESQL_REVISE = """
    PERFORM 1 FROM gallery_dataset WHERE id IN (SELECT dataset_id FROM {rows})
        ORDER BY id FOR NO KEY UPDATE;
    UPDATE gallery_dataset SET revision = revision + 1 WHERE id IN (SELECT dataset_id FROM {rows});"""
_GROUPED = """SELECT dataset_id, category AS name, count(*) AS images
    FROM {rows} GROUP BY dataset_id, category"""
_POSTGRESQL_ADD = f"""
    INSERT INTO gallery_category AS held (dataset_id, name, images) {_GROUPED}
        ON CONFLICT (dataset_id, name) DO UPDATE SET images = held.images + EXCLUDED.images;"""
_POSTGRESQL_TAKE = f"""
    UPDATE gallery_category AS held SET images = held.images - gone.images FROM ({_GROUPED}) AS gone
        WHERE held.dataset_id = gone.dataset_id AND held.name = gone.name;
    DELETE FROM gallery_category
        WHERE images = 0 AND (dataset_id, name) IN (SELECT dataset_id, category FROM {{rows}});"""
# an update that changes something else of an image moves nothing
_MOVED = """(SELECT {row}.dataset_id, {row}.category FROM old_rows JOIN new_rows USING (id)
    WHERE {shown} AND (NOT {other_shown}
        OR (old_rows.dataset_id, old_rows.category) IS DISTINCT FROM (new_rows.dataset_id, new_rows.category))
    ) AS {name}"""
_IN_OLD, _IN_NEW = _SHOWN.format(row="old_rows"), _SHOWN.format(row="new_rows")
_TAKEN = _MOVED.format(row="old_rows", name="taken", shown=_IN_OLD, other_shown=_IN_NEW)
_GIVEN = _MOVED.format(row="new_rows", name="given", shown=_IN_NEW, other_shown=_IN_OLD)
_ROWS = f"(SELECT dataset_id, category FROM rows WHERE {_SHOWN.format(row='rows')}) AS shown_rows"
_BOTH = f"(SELECT dataset_id FROM {_TAKEN} UNION SELECT dataset_id FROM {_GIVEN}) AS moved"


def function(name: str, body: str) -> str:
    """Return how PostgreSQL makes the function of a trigger."""
    return f"""CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN {body} RETURN NULL; END $$"""


def trigger(name: str, event: str, table: str, rows: str) -> str:
    """Return how PostgreSQL makes a trigger that runs its function once a statement."""
    return f"""CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {rows}
        FOR EACH STATEMENT EXECUTE FUNCTION {name}()"""


def _failures(sign: str) -> str:
    return f"""UPDATE gallery_job SET failed = failed {sign} changed.files
        FROM (SELECT job_id, count(*) AS files FROM rows WHERE code <> 'duplicate' GROUP BY job_id) AS changed
        WHERE gallery_job.id = changed.job_id;"""


_POSTGRESQL = (
    function("count_image_added", (_POSTGRESQL_REVISE + _POSTGRESQL_ADD).format(rows=_ROWS)),
    trigger("count_image_added", "INSERT", "gallery_image", "NEW TABLE AS rows"),
    function("count_image_removed", (_POSTGRESQL_REVISE + _POSTGRESQL_TAKE).format(rows=_ROWS)),
    trigger("count_image_removed", "DELETE", "gallery_image", "OLD TABLE AS rows"),
    function(
        "count_image_relabelled",
        _POSTGRESQL_REVISE.format(rows=_BOTH)
        + _POSTGRESQL_TAKE.format(rows=_TAKEN)
        + _POSTGRESQL_ADD.format(rows=_GIVEN),
    ),
    trigger(
        "count_image_relabelled", "UPDATE", "gallery_image", "OLD TABLE AS old_rows NEW TABLE AS new_rows"
    ),
    function("count_failure_added", _failures("+")),
    trigger("count_failure_added", "INSERT", "gallery_failedfile", "NEW TABLE AS rows"),
    function("count_failure_removed", _failures("-")),
    trigger("count_failure_removed", "DELETE", "gallery_failedfile", "OLD TABLE AS rows"),
)

NAMES = (
    "count_image_added",
    "count_image_removed",
    "count_image_relabelled",
    "count_image_hidden",
    "count_image_shown",
    "count_failure_added",
    "count_failure_removed",
)

INSTALL = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}
