"""The triggers that count images by category and failed files by job, as SQLite and PostgreSQL write them."""

from __future__ import annotations

# as the signature of a dataset's images has it: the squares tell pictures that changed places from others
# with the same sum
SQUARED_BELOW = 1_000_003
# where the sum of squares begins anew: half of what the database's integer holds, so that adding fits
WRAPPED_AT = 2**62

_SQUARE = "({row}.id % {below}) * ({row}.id % {below})"
_NEW_SQUARE = _SQUARE.format(row="NEW", below=SQUARED_BELOW)
_OLD_SQUARE = _SQUARE.format(row="OLD", below=SQUARED_BELOW)

# not an upsert: where the statement that fires a trigger says "OR IGNORE", SQLite applies that inside as well
_SQLITE_ADD = f"""
    INSERT INTO gallery_category (dataset_id, name, images, id_sum, id_square_sum)
        SELECT NEW.dataset_id, NEW.category, 0, 0, 0 WHERE NOT EXISTS (
            SELECT 1 FROM gallery_category WHERE dataset_id = NEW.dataset_id AND name = NEW.category);
    UPDATE gallery_category SET images = images + 1, id_sum = id_sum + NEW.id,
        id_square_sum = (id_square_sum + {_NEW_SQUARE}) % {WRAPPED_AT}
        WHERE dataset_id = NEW.dataset_id AND name = NEW.category;"""
_SQLITE_TAKE = f"""
    UPDATE gallery_category SET images = images - 1, id_sum = id_sum - OLD.id,
        id_square_sum = (id_square_sum - {_OLD_SQUARE} + {WRAPPED_AT}) % {WRAPPED_AT}
        WHERE dataset_id = OLD.dataset_id AND name = OLD.category;
    DELETE FROM gallery_category
        WHERE dataset_id = OLD.dataset_id AND name = OLD.category AND images = 0;"""

_SQLITE = (
    f"CREATE TRIGGER count_image_added AFTER INSERT ON gallery_image BEGIN {_SQLITE_ADD} END",
    f"CREATE TRIGGER count_image_removed AFTER DELETE ON gallery_image BEGIN {_SQLITE_TAKE} END",
    f"""CREATE TRIGGER count_image_relabelled AFTER UPDATE OF dataset_id, category ON gallery_image
    WHEN OLD.category <> NEW.category OR OLD.dataset_id <> NEW.dataset_id
    BEGIN {_SQLITE_TAKE} {_SQLITE_ADD} END""",
    """CREATE TRIGGER count_failure_added AFTER INSERT ON gallery_failedfile
    BEGIN UPDATE gallery_job SET failed = failed + 1 WHERE id = NEW.job_id; END""",
    """CREATE TRIGGER count_failure_removed AFTER DELETE ON gallery_failedfile
    BEGIN UPDATE gallery_job SET failed = failed - 1 WHERE id = OLD.job_id; END""",
)

# A statement's rows are counted together: many rows of one category are one change of its row. Categories
# are locked in one order, so that two imports of the same ones wait for each other instead of for ever.
_GROUPED = f"""SELECT dataset_id, category AS name, count(*) AS images, sum(id) AS ids,
    sum((id % {SQUARED_BELOW}) * (id % {SQUARED_BELOW})) AS squares
    FROM {{rows}} GROUP BY dataset_id, category ORDER BY dataset_id, category"""
_POSTGRESQL_ADD = f"""
    INSERT INTO gallery_category AS held (dataset_id, name, images, id_sum, id_square_sum)
        SELECT dataset_id, name, images, ids, squares % {WRAPPED_AT}
        FROM ({_GROUPED.format(rows="{rows}")}) AS added
        ON CONFLICT (dataset_id, name) DO UPDATE SET images = held.images + EXCLUDED.images,
            id_sum = held.id_sum + EXCLUDED.id_sum,
            id_square_sum = (held.id_square_sum::numeric + EXCLUDED.id_square_sum) % {WRAPPED_AT};"""
_POSTGRESQL_TAKE = f"""
    PERFORM 1 FROM gallery_category
        WHERE (dataset_id, name) IN (SELECT dataset_id, category FROM {{rows}})
        ORDER BY dataset_id, name FOR UPDATE;
    UPDATE gallery_category AS held SET images = held.images - gone.images, id_sum = held.id_sum - gone.ids,
        id_square_sum = (held.id_square_sum - gone.squares % {WRAPPED_AT} + {WRAPPED_AT}) % {WRAPPED_AT}
        FROM ({_GROUPED.format(rows="{rows}")}) AS gone
        WHERE held.dataset_id = gone.dataset_id AND held.name = gone.name;
    DELETE FROM gallery_category
        WHERE images = 0 AND (dataset_id, name) IN (SELECT dataset_id, category FROM {{rows}});"""
# an update that changes something else of an image moves nothing
_MOVED = """(SELECT {row}.id, {row}.dataset_id, {row}.category FROM old_rows JOIN new_rows USING (id)
    WHERE (old_rows.dataset_id, old_rows.category) IS DISTINCT FROM (new_rows.dataset_id, new_rows.category)
    ) AS {name}"""


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
        FROM (SELECT job_id, count(*) AS files FROM rows GROUP BY job_id) AS changed
        WHERE gallery_job.id = changed.job_id;"""


_POSTGRESQL = (
    function("count_image_added", _POSTGRESQL_ADD.format(rows="rows")),
    trigger("count_image_added", "INSERT", "gallery_image", "NEW TABLE AS rows"),
    function("count_image_removed", _POSTGRESQL_TAKE.format(rows="rows")),
    trigger("count_image_removed", "DELETE", "gallery_image", "OLD TABLE AS rows"),
    function(
        "count_image_relabelled",
        _POSTGRESQL_TAKE.format(rows=_MOVED.format(row="old_rows", name="taken"))
        + _POSTGRESQL_ADD.format(rows=_MOVED.format(row="new_rows", name="given")),
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
    "count_failure_added",
    "count_failure_removed",
)

INSTALL = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}
