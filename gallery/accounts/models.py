"""Tokens of accounts, and the wrong guesses that were made at passwords, tokens and codes."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from gallery.access.scopes import Scope


class ScopesField(models.JSONField):
    """A list of `Scope`; names that are no scope, as of a newer version, are left out."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> list[Scope]:
        """Return the scopes of a row, in the order of `Scope`."""
        names = super().from_db_value(value, expression, connection)
        return [scope for scope in Scope if scope in names]


class AccessToken(models.Model):
    """What a program sends instead of a password; it is shown once, and only its digest is kept.

    Deleting the row revokes it. It ends with its owner, and is refused while that account is not active.
    """

    digest = models.CharField(max_length=128, unique=True, editable=False, help_text="SHA-512, in hex.")
    prefix = models.CharField(max_length=12, help_text="How it begins, to know it by.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_tokens"
    )
    name = models.CharField(max_length=100)
    scopes = ScopesField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: only when it is revoked.")
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= timezone.now()


class FailedAttempts(models.Model):
    """How often somebody has guessed wrong lately; `gallery.accounts.lockout` says what follows from it."""

    who = models.CharField(max_length=255, primary_key=True)
    failures = models.PositiveIntegerField(default=0, help_text="Counted at the last of them.")
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-last_at"]
        verbose_name_plural = "failed attempts"

    def __str__(self) -> str:
        return f"{self.who}: {self.failures}"
