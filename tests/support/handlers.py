"""Puts another handler in the place of the one that does the jobs of a kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gallery.jobs import kinds
from gallery.jobs.kinds import Handler, JobType, OfJob


@contextmanager
def replaced(kind: str, handler: Handler, *, helper: OfJob | None = None) -> Iterator[None]:
    """Let another handler do the jobs of a kind meanwhile, with none of the kind's hooks."""
    before = kinds.job_type(kind)
    kinds._types[kind] = JobType(handler, before.queue, before.priority, helper)
    try:
        yield
    finally:
        kinds._types[kind] = before
