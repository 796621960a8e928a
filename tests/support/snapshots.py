"""Keeps rows and files that take long to make: one test of a run makes them and the others copy them."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone

from gallery.models import AuditEntry, Category, Dataset, Job
from search.models import SearchIndex
from tests.support.once import once, run_folder
from tests.support.sequences import count_on

ROWS = "rows.pickle"
# where triggers count, besides categories
COUNTED = (Dataset, Job, SearchIndex)


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
    """Return our models, parents before children, as each application declares them.

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
    rows = [row for model in _models() for row in model._base_manager.order_by("pk")]
    (kept / ROWS).write_bytes(pickle.dumps(rows))


def _restore(kept: Path) -> None:
    for name, folder in _folders().items():
        if (kept / name).exists():
            shutil.copytree(kept / name, folder, dirs_exist_ok=True)
    rows: list[models.Model] = pickle.loads((kept / ROWS).read_bytes())
    with transaction.atomic():
        for row in rows:
            if isinstance(row, Dataset):
                row.created_at = timezone.now()
        _insert([row for row in rows if not isinstance(row, Category)])
        # triggers have counted what was inserted, on top of the counts that were copied
        Category.objects.all().delete()
        _insert([row for row in rows if isinstance(row, Category)])
        for row in rows:
            if isinstance(row, COUNTED):
                columns = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
                type(row)._base_manager.filter(pk=row.pk).update(**columns)
        count_on(_models())


def _insert(rows: list[models.Model]) -> None:
    """Insert rows as they are, times and all, those of a model in a few statements."""
    for model, group in groupby(rows, lambda row: type(row)):
        same = list(group)
        fields = [field for field in model._meta.local_concrete_fields if not field.generated]
        size = max(1, connection.ops.bulk_batch_size(fields, same))
        for start in range(0, len(same), size):
            # as `save_base(raw=True)` does for each; `bulk_create` would give them times of now
            manager: Any = model._base_manager
            manager._insert(same[start : start + size], fields, using=connection.alias, raw=True)
