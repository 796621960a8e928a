"""What the installation knows of itself: its storage, its releases and backups, and what was done in it."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone

from gallery.access import audit_actions
from gallery.errors import AppendOnlyError


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


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Entries of the audit, which nobody changes or removes; triggers of the database refuse it as well."""

    def update(self, **_: Any) -> int:
        """Refuse. Raises: AppendOnlyError."""
        raise AppendOnlyError(AuditEntry.REFUSAL)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Refuse. Raises: AppendOnlyError."""
        raise AppendOnlyError(AuditEntry.REFUSAL)


class AuditEntry(models.Model):
    """What somebody did: who, from where, to which; `gallery.access.audit` appends it.

    It names its subjects in words and by number, without foreign keys: it outlives them.
    """

    REFUSAL = "The audit is append-only: AUDIT_KEEP_DAYS says how long its entries are kept."

    at = models.DateTimeField(default=timezone.now)
    action = models.CharField(max_length=40, choices=audit_actions.choices)
    user_id = models.BigIntegerField(null=True, help_text="The number of the account.")
    actor = models.CharField(
        max_length=200, blank=True, help_text="The name of the account, command or job; empty for a stranger."
    )
    token = models.CharField(max_length=200, blank=True, help_text="The API token that was used.")
    address = models.CharField(max_length=45, blank=True, help_text="Where the request came from.")
    dataset = models.CharField(max_length=80, blank=True, help_text="The slug it had then.")
    target_kind = models.CharField(max_length=40, blank=True)
    target_id = models.CharField(max_length=40, blank=True)
    target = models.CharField(max_length=200, blank=True, help_text="The name it had then.")
    details = models.JSONField(default=dict, blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        # the columns that the admin filters by and searches in
        indexes = [
            models.Index(fields=["at"], name="audit_by_time"),
            *(
                models.Index(fields=[column, "-id"], name=f"audit_by_{column}")
                for column in ("action", "actor", "address", "dataset", "target")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor or 'a stranger'} {self.get_action_display()}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Append the entry. Raises: AppendOnlyError for one that is stored already."""
        if not self._state.adding:
            raise AppendOnlyError(self.REFUSAL)
        super().save(*args, **kwargs | {"force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse. Raises: AppendOnlyError."""
        raise AppendOnlyError(self.REFUSAL)
