"""Answers about search indexes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from search.models import SearchIndex


class IndexSerializer(serializers.ModelSerializer[SearchIndex]):
    """An index and the generation that serves it."""

    dataset: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True
    )
    spec = serializers.SerializerMethodField()
    generation = serializers.CharField(source="published.generation", default=None)
    manifest = serializers.JSONField(source="published.manifest", default=None)

    class Meta:
        model = SearchIndex
        fields = ["id", "dataset", "live", "spec", "generation", "manifest"]

    def get_spec(self, index: SearchIndex) -> dict[str, Any]:
        """Return the feature configuration."""
        return asdict(index.spec.config)
