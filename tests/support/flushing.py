"""Gives an emptied database its content types and permissions back, as they were, in a few statements.

Django makes them anew after every `flush`: that took most of it, 0.03 s a test that commits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType

from gallery.access import audit_triggers
from gallery.counts import counting
from search import counting as search_counting

TRIGGERS = {
    "gallery": (counting.TRIGGERS, audit_triggers.TRIGGERS),
    "search": (search_counting.TRIGGERS,),
}


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
        for name, all_of_it in TRIGGERS.items():
            for triggers in all_of_it:
                triggers.put(apps.get_app_config(name), using=db)

    return put_back
