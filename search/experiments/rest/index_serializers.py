"""Answers about search indexes."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from gallery.api.schema import field_answers
from search.models import SearchIndex
from search.types import FeatureConfigValues, GenerationFacts


class IndexSerializer(serializers.ModelSerializer[SearchIndex]):
    """An index and the generation that serves it."""

    dataset: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True
    )
    spec = serializers.SerializerMethodField()
    generation = serializers.SerializerMethodField(allow_null=True)
    manifest = serializers.SerializerMethodField(allow_null=True, help_text="How it was built and measured.")

    class Meta:
        model = SearchIndex
        fields = ["id", "dataset", "live", "spec", "generation", "manifest"]

    @field_answers(FeatureConfigValues)
    def get_spec(self, index: SearchIndex) -> FeatureConfigValues:
        """Return the feature configuration."""
        return index.spec.config.as_values()

    def get_generation(self, index: SearchIndex) -> str | None:
        """Return the name of the generation that serves, None where there is none yet."""
        return index.published.generation if index.published else None

    @field_answers(GenerationFacts)
    def get_manifest(self, index: SearchIndex) -> GenerationFacts | None:
        """Return what is known of the generation that serves."""
        return index.published.manifest if index.published else None
