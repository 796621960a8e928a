"""What is asked of maps in the REST interface; `answers` says what comes back."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from gallery.api.serializers import JobSerializer
from gallery.api.strict import KnownFields
from gallery.browse.paging import LARGEST_ID
from search.experiments.queries import POOLINGS
from search.experiments.rest.serializers import choice
from search.maps.export import COLOURED_BY
from search.maps.jobs import METHODS
from search.maps.queries import ProjectionFilter

METRICS = ("cosine", "euclidean")


class ProjectionQuerySerializer(serializers.Serializer[Any]):
    """Which maps are listed; empty stands for all."""

    dataset = serializers.CharField(
        required=False, allow_blank=True, help_text="Only of this dataset (slug)."
    )
    model = serializers.CharField(required=False, allow_blank=True)
    layer = serializers.CharField(required=False, allow_blank=True)
    pooling = choice(POOLINGS, "pooling")
    method = choice(METHODS, "method")
    digest = serializers.CharField(
        required=False, allow_blank=True, max_length=64, help_text="Only with these parameters."
    )

    def as_request(self) -> ProjectionFilter:
        """Return the validated filter."""
        return ProjectionFilter(**self.validated_data)


class ColourQuerySerializer(serializers.Serializer[Any]):
    """What the points are coloured by."""

    by = serializers.ChoiceField(
        COLOURED_BY,
        default=COLOURED_BY[0],
        error_messages={
            "invalid_choice": f"“{{input}}” is nothing to colour by; there are {', '.join(COLOURED_BY)}."
        },
    )
    experiment = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST_ID,
        help_text="For scores: the id of an experiment; without it, the map's own features by cosine.",
    )


class ProjectionParametersSerializer(KnownFields, serializers.Serializer[Any]):
    """How the map is made; each method takes those that concern it, what is not said is the default."""

    metric = serializers.CharField(required=False, max_length=20, help_text="cosine or euclidean.")
    neighbours = serializers.IntegerField(required=False, help_text="UMAP: 2 to 200.")
    min_dist = serializers.FloatField(required=False, help_text="UMAP: 0 to 0.99.")
    perplexity = serializers.FloatField(required=False, help_text="t-SNE: 2 to 100.")
    seed = serializers.IntegerField(required=False, help_text="The same seed gives the same map.")
    afresh = serializers.BooleanField(
        required=False, default=False, help_text="Make the map anew: the images do not stay where they are."
    )


class NewProjectionsSerializer(KnownFields, serializers.Serializer[Any]):
    """Maps to make; what is not said is the default, no method is all of them, `all` every network."""

    dataset = serializers.CharField(max_length=80, help_text="The slug of the dataset.")
    method = serializers.CharField(required=False, allow_blank=True, max_length=10)
    models = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, max_length=100
    )
    pooling = serializers.CharField(required=False, allow_blank=True, max_length=20)
    parameters = ProjectionParametersSerializer(required=False)


class NewProjectionsResponseSerializer(serializers.Serializer[Any]):
    """The jobs that compute, one a network and method; none when there is nothing to compute."""

    jobs = JobSerializer(many=True)
