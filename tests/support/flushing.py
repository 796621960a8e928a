"""Gives an emptied database its content types and permissions back, as they were, in a few statements.

Django makes them anew after every `flush`: that took most of it, 0.03 s a test that commits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.db.models.signals import post_migrate

# what makes them, and under which name it is connected
MAKERS = (
    (create_contenttypes, None),
    (create_permissions, "django.contrib.auth.management.create_permissions"),
)


def keeping(emit: Callable[..., None]) -> Callable[..., None]:
    """Return what does after a flush as `emit_post_migrate_signal` does, of which it keeps what that made."""
    kept: dict[Any, list[Any]] = {}

    def put_back(verbosity: int, interactive: bool, db: str, **options: Any) -> None:
        if not kept:
            emit(verbosity, interactive, db, **options)
            kept.update({model: list(model.objects.using(db)) for model in (ContentType, Permission)})
            return
        ContentType.objects.clear_cache()
        for model, rows in kept.items():
            model.objects.using(db).bulk_create(rows)
        with _without_makers():
            emit(verbosity, interactive, db, **options)

    return put_back


@contextmanager
def _without_makers() -> Iterator[None]:
    for maker, name in MAKERS:
        assert post_migrate.disconnect(maker, dispatch_uid=name), maker
    try:
        yield
    finally:
        for maker, name in MAKERS:
            post_migrate.connect(maker, dispatch_uid=name)
