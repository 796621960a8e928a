"""What the installation knows of itself: its storage, the releases that have had it, its backups."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class StorageMark(models.Model):
    """The id that the storage of images bears in a file: one with another, or none, is not the right one."""

    identity = models.UUIDField(help_text="Written into the storage at first use.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.identity)


class Release(models.Model):
    """A release that has brought this database up to date; the last row says of which it is.

    Older releases read `version` and `format`: both stay.
    """

    version = models.CharField(max_length=40)
    format = models.PositiveIntegerField(help_text="Of the files of the home, and what its rows mean.")
    since = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"semsearch {self.version}"


class Backup(models.Model):
    """A backup that was written and is whole, wherever it is by now."""

    name = models.CharField(max_length=255, help_text="Of the file.")
    version = models.CharField(max_length=40)
    size_bytes = models.PositiveBigIntegerField()
    images = models.PositiveBigIntegerField()
    embeddings = models.PositiveBigIntegerField()
    with_originals = models.BooleanField()
    with_derived = models.BooleanField()
    seconds = models.FloatField()
    finished_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ["-finished_at", "-id"]

    def __str__(self) -> str:
        return self.name
