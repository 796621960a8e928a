"""The rows of a database as lines of JSON that any database reads: one list of values a row."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import IO, Any

from django.apps import apps
from django.apps.registry import Apps
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, connections, models, transaction

SNAPSHOT = "backup_snapshot"
READ_ROWS = 2000
FASTEST = 1

# kept nowhere, or made anew by those who restore: who is signed in or must wait, what a worker holds, builds
LEFT_OUT = frozenset(
    {
        "sessions.Session",
        "gallery.FailedAttempts",
        "gallery.WorkUnit",
        "gallery.DerivedFile",
        "search.IndexBuild",
        "search.RemovedEmbedding",
    }
)
# rows of files that can be computed again; they go with `--with-derived`
DERIVED = frozenset({"gallery.AtlasPage", "search.FeatureMatrix", "search.Projection"})


def kept_models(*, derived: bool) -> list[type[models.Model]]:
    """Return the models whose rows are kept, those between many and many as well."""
    found = apps.get_models(include_auto_created=True)
    left_out = LEFT_OUT if derived else LEFT_OUT | DERIVED
    return [
        model
        for model in found
        if model._meta.managed and not model._meta.proxy and model._meta.label not in left_out
    ]


def derived_models() -> list[type[models.Model]]:
    """Return the models of files that can be computed again; `file` is the name of each."""
    return [apps.get_model(label) for label in sorted(DERIVED)]


@contextmanager
def snapshot() -> Iterator[str]:
    """Show the database as it is now, whatever is written meanwhile: as a database of that name.

    Nobody waits for it: SQLite reads its write-ahead log, PostgreSQL its versions of rows.
    """
    settings = connection.settings_dict
    options = {key: value for key, value in settings["OPTIONS"].items() if key != "pool"}
    if connection.vendor == "sqlite":
        options["transaction_mode"] = "DEFERRED"
    else:
        from psycopg import IsolationLevel

        options["isolation_level"] = IsolationLevel.REPEATABLE_READ
    connections.settings[SNAPSHOT] = settings | {"OPTIONS": options}
    try:
        with transaction.atomic(using=SNAPSHOT):
            yield SNAPSHOT
    finally:
        connections[SNAPSHOT].close()
        del connections[SNAPSHOT]
        del connections.settings[SNAPSHOT]


def write(model: type[models.Model], using: str, target: IO[bytes]) -> int:
    """Write the rows of a model to a file, compressed; returns how many."""
    names = [field.attname for field in model._meta.concrete_fields]
    rows = model._base_manager.using(using).order_by("pk").values_list(*names)
    count = 0
    with gzip.GzipFile(fileobj=target, mode="wb", compresslevel=FASTEST, mtime=0) as packed:
        packed.write(_line(names))
        for row in rows.iterator(READ_ROWS):
            packed.write(_line(row))
            count += 1
    return count


def _line(values: Sequence[object]) -> bytes:
    return json.dumps(values, cls=_Encoder, ensure_ascii=False).encode() + b"\n"


class _Encoder(DjangoJSONEncoder):
    """Bytes as base64, which is what a BinaryField reads."""

    def default(self, o: Any) -> Any:
        return base64.b64encode(o).decode() if isinstance(o, (bytes, memoryview)) else super().default(o)


def read(model: type[models.Model], source: IO[bytes]) -> int:
    """Store the rows of a file as they were, keys and times included; returns how many."""
    for field in model._meta.concrete_fields:
        # the model is of a state of migrations, nobody else's: what was kept stands
        field.auto_now = field.auto_now_add = False  # type: ignore[attr-defined]
    count = 0
    with gzip.GzipFile(fileobj=source, mode="rb") as packed:
        names: list[str] = json.loads(packed.readline())
        fields = [model._meta.get_field(name) for name in names]
        while lines := list(islice(packed, READ_ROWS)):
            rows = []
            for line in lines:
                values = zip(names, fields, json.loads(line), strict=True)
                rows.append(model(**{name: _value(field, value) for name, field, value in values}))
            model._base_manager.bulk_create(rows, batch_size=READ_ROWS)
            count += len(rows)
    return count


def _value(field: Any, value: Any) -> Any:
    plain = isinstance(field, (models.JSONField, models.ForeignKey, models.FileField))
    return value if plain or value is None else field.to_python(value)


def model_of(state: Apps, label: str) -> type[models.Model] | None:
    """Return the model of a label ("app.Model") in a state of migrations, None where there is none."""
    app, _, name = label.partition(".")
    for model in state.get_models(include_auto_created=True):
        if (model._meta.app_label, model._meta.object_name) == (app, name):
            return model
    return None
