"""What the page of backups shows: the last ones, and whether it is time for another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from gallery.models import Backup, Release

SHOWN = 20


@dataclass(frozen=True)
class Overview:
    """The last backups, newest first, the releases the home has been of, and the warning ("" for none)."""

    backups: list[Backup]
    releases: list[Release]
    warning: str


def overview() -> Overview:
    """Return what there is to show; two queries."""
    backups = list(Backup.objects.all()[:SHOWN])
    return Overview(backups, list(Release.objects.order_by("-pk")[:SHOWN]), _warning(backups))


def _warning(backups: list[Backup]) -> str:
    days = settings.BACKUP_DAYS
    if days <= 0:
        return ""
    if not backups:
        return "No backup was made here yet: images and labels may be here and nowhere else."
    if timezone.now() - backups[0].finished_at > timedelta(days=days):
        return f"The last backup is older than {days:g} days: what came since is here and nowhere else."
    if not any(one.with_originals for one in backups):
        return "No backup holds the images: see that your storage keeps copies of them."
    return ""
