"""Saved searches, and the images that they were saved with."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class SavedSearch(models.Model):
    """A query document under a name; what it finds is found anew each time.

    The document never changes: a search that refers to another one refers to an older one, so that none
    refers to itself.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_searches", db_index=False
    )
    name = models.CharField(max_length=100)
    document = models.JSONField(help_text="As it was asked, without a cursor.")
    address = models.TextField(blank=True, help_text="The query part of its address on the page.")
    shared = models.BooleanField(default=False, help_text="Everybody who may search here sees it.")
    created_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(help_text="When its owner looked at it last.")
    seen_image = models.PositiveBigIntegerField(help_text="The newest image at that time.")

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "saved searches"
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="one_saved_search_per_name")]

    def __str__(self) -> str:
        return self.name


class SavedExample(models.Model):
    """An image that a saved search was made with and that no dataset has; it goes with its search."""

    search = models.ForeignKey(SavedSearch, on_delete=models.CASCADE, related_name="examples")
    key = models.CharField(max_length=40, unique=True, help_text="What names it as an upload.")
    data = models.BinaryField(help_text="The file, or a smaller copy of a large one.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.key
