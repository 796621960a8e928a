"""Keeps rows and files that take long to make: one test of a run makes them and the others copy them."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from gallery.models import AuditEntry, Category, Dataset, Job
from search.models import SearchIndex
from tests.support.once import once, run_folder
from tests.support.sequences import count_on

Row: TypeAlias = tuple[Any, ...]

ROWS = "rows.pickle"
# what triggers make and where they count, put in after all that they count
LAST = (Category, Dataset, Job, SearchIndex)


def restored(name: str, build: Callable[[], object]) -> None:
    """Bring the empty database and the empty folders of a test to the state in which `build` leaves them.

    The first test that names a state builds it. Keys and times of the copies are those of the first, but for
    the date of a dataset: caches tell datasets with one key and one revision apart by it. A request that the
    test before left behind may have remembered the emptied database.
    """
    kept = run_folder() / "snapshots" / name
    with once(f"snapshot-{name}") as mine:
        if mine:
            build()
            shutil.rmtree(kept, ignore_errors=True)
            _keep(kept)
            return
    _restore(kept)


def _models() -> list[type[models.Model]]:
    """Return our models.

    Without the audit: what a test did before stands in it, under the same numbers.
    """
    found = [model for name in ("gallery", "search") for model in apps.get_app_config(name).get_models()]
    return [model for model in found if model is not AuditEntry]


def _folders() -> dict[str, Path]:
    return {"media": Path(settings.MEDIA_ROOT), "indexes": Path(settings.INDEX_ROOT)}


def _keep(kept: Path) -> None:
    kept.mkdir(parents=True)
    for name, folder in _folders().items():
        if folder.exists():
            shutil.copytree(folder, kept / name)
    with connection.cursor() as cursor:
        rows = {model._meta.db_table: _read(cursor, model) for model in _models()}
    (kept / ROWS).write_bytes(pickle.dumps(rows))


def _restore(kept: Path) -> None:
    for name, folder in _folders().items():
        if (kept / name).exists():
            shutil.copytree(kept / name, folder, dirs_exist_ok=True)
    rows: dict[str, list[Row]] = pickle.loads((kept / ROWS).read_bytes())
    found = _models()
    # references are looked at when the transaction ends
    with transaction.atomic(), connection.cursor() as cursor:
        for model in found:
            if model not in LAST:
                _insert(cursor, model, rows[model._meta.db_table])
        Category.objects.all().delete()
        for model in LAST:
            _insert(cursor, model, rows[model._meta.db_table])
        Dataset._base_manager.update(created_at=timezone.now())
        count_on(found)


def _columns(model: type[models.Model]) -> list[str]:
    fields = (field for field in model._meta.local_concrete_fields if not field.generated)
    return [connection.ops.quote_name(str(field.column)) for field in fields]


def _read(cursor: CursorWrapper, model: type[models.Model]) -> list[Row]:
    """Return the rows of a table by their keys, as the database gives them, which takes them back so."""
    cursor.execute(f"SELECT {', '.join(_columns(model))} FROM {model._meta.db_table} ORDER BY 1")
    return [tuple(row) for row in cursor.fetchall()]


def _insert(cursor: CursorWrapper, model: type[models.Model], rows: list[Row]) -> None:
    columns = _columns(model)
    values = ", ".join(["%s"] * len(columns))
    cursor.executemany(f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) VALUES ({values})", rows)
