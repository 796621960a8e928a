"""Keeps who did what to which, when and from where: one entry for each change, in its own transaction.

    with transaction.atomic():
        dataset.save()
        audit.record("dataset.rename", dataset, before="Cats", after="Dogs")

Services call `record`, so that pages, API, admin and commands are all covered. Who did it is found here: the
middleware remembers the request that a thread answers, a job says that it is one, and what is left is a
program, as a management command.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.db import models, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from gallery.access import audit_triggers
from gallery.access.audit_actions import ACTIONS
from gallery.access.client_address import client_address
from gallery.models import AuditEntry, Dataset

LONGEST_TEXT = 1000

# the request that is being answered, or the name of a command or a job
_source: ContextVar[HttpRequest | str | None] = ContextVar("source", default=None)


class AuditMiddleware:
    """Remembers the request that a thread answers, for the entries that are made meanwhile."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request."""
        before = _source.set(request)
        try:
            return self._get_response(request)
        finally:
            _source.reset(before)


def request() -> HttpRequest | None:
    """Return the request that this thread answers; None in a job, a command or another program."""
    source = _source.get()
    return source if isinstance(source, HttpRequest) else None


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Let the entries that are made meanwhile name a command or a job."""
    before = _source.set(name)
    try:
        yield
    finally:
        _source.reset(before)


def by_command(name: str) -> str:
    """Return how the audit calls a management command that somebody runs on this machine."""
    return f"command: {name} by {_system_user()}"


def by_job(pk: int, kind: str) -> str:
    """Return how the audit calls a job; who started it stands in the entry of its start."""
    return f"job: {kind} {pk}"


def is_job() -> bool:
    """Whether what happens now is done by a job: who started it was recorded then."""
    source = _source.get()
    return isinstance(source, str) and source.startswith("job: ")


def record(action: str, target: object | str = "", **details: Any) -> AuditEntry:
    """Append an entry: what was done, to which row, or to what else by its name, and more as plain JSON.

    To be called in the transaction of the change: there is no change without its entry then. Raises:
    ValueError for a word that `gallery.access.audit_actions` does not have.
    """
    if action not in ACTIONS:
        raise ValueError(f"The audit has no action {action!r}; gallery/access/audit_actions.py lists them.")
    return AuditEntry.objects.create(
        action=action,
        details={name: _shortened(value) for name, value in details.items()},
        **_origin(),
        **_target(target),
    )


def prune(keep_days: int) -> int:
    """Remove the entries that are older than so many days; returns how many. Its own entry tells of it."""
    before = timezone.now() - timedelta(days=keep_days)
    with transaction.atomic(), audit_triggers.lifted():
        # the model's own manager refuses
        removed, _ = models.QuerySet(AuditEntry).filter(at__lt=before).delete()
        if removed:
            record("audit.prune", entries=removed, before=before.isoformat(timespec="seconds"))
    return removed


def _origin() -> dict[str, object]:
    """Return the columns that say who it is and from where."""
    source = _source.get()
    if not isinstance(source, HttpRequest):
        return {"actor": (source or _program())[:200]}
    # Django REST Framework puts who it found, and the token, on Django's own request
    user, token = getattr(source, "user", None), getattr(source, "auth", None)
    found: dict[str, object] = {"address": client_address(source)[:45]}
    if user is not None and user.is_authenticated:
        found |= {"user_id": user.pk, "actor": user.get_username()[:200]}
        if token is not None:
            found["token"] = _name_of_token(token)[:200]
    return found


def _target(target: object | str) -> dict[str, object]:
    """Return the columns that say to what it was done."""
    if not isinstance(target, models.Model):
        return {"target": str(target)[:200]}
    dataset = target if isinstance(target, Dataset) else getattr(target, "dataset", None)
    return {
        "target_kind": str(target._meta.verbose_name)[:40],
        "target_id": str(target.pk)[:40],
        "target": str(target)[:200],
        "dataset": dataset.deleted_slug or dataset.slug if isinstance(dataset, Dataset) else "",
    }


def _name_of_token(token: Any) -> str:
    """Return what people know a token by, and never what it is made of."""
    name, prefix = (str(getattr(token, key, "") or "") for key in ("name", "prefix"))
    return f"{name} ({prefix}…)" if name and prefix else name or prefix or f"token {token.pk}"


def _shortened(value: Any) -> Any:
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


@cache
def _program() -> str:
    """Return how the audit calls this process, which answers no request and does no job."""
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    if program in ("manage.py", "django-admin", "semsearch") and len(sys.argv) > 1:
        return by_command(sys.argv[1])
    return f"program: {program} by {_system_user()}"


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        return f"user {os.getuid()}"
