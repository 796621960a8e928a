"""Shapes of projections and of what their points are coloured by in the REST interface."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from gallery.api.serializers import JobSerializer
from gallery.browse.paging import LARGEST_ID
from search.experiments.queries import POOLINGS
from search.experiments.serializers import choice
from search.maps.jobs import METHODS
from search.maps.points import COLOURED_BY
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


class ProjectionParametersSerializer(serializers.Serializer[Any]):
    """How the map is made; each method takes those that concern it, what is not said is the default."""

    metric = serializers.CharField(required=False, max_length=20, help_text="cosine or euclidean.")
    neighbours = serializers.IntegerField(required=False, help_text="UMAP: 2 to 200.")
    min_dist = serializers.FloatField(required=False, help_text="UMAP: 0 to 0.99.")
    perplexity = serializers.FloatField(required=False, help_text="t-SNE: 2 to 100.")
    seed = serializers.IntegerField(required=False, help_text="The same seed gives the same map.")
    afresh = serializers.BooleanField(
        required=False, default=False, help_text="Make the map anew: the pictures do not stay where they are."
    )


class NewProjectionsSerializer(serializers.Serializer[Any]):
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


class ShownParametersSerializer(serializers.Serializer[Any]):
    """The parameters of a map: those that concern its method."""

    metric = serializers.CharField()
    seed = serializers.IntegerField()
    neighbours = serializers.IntegerField(required=False)
    min_dist = serializers.FloatField(required=False)
    perplexity = serializers.FloatField(required=False)


class ProjectionSerializer(serializers.Serializer[Any]):
    """The map of a dataset's pictures under one layer of a network."""

    id = serializers.IntegerField()
    dataset = serializers.CharField()
    model = serializers.CharField()
    layer = serializers.CharField()
    layer_position = serializers.IntegerField(
        allow_null=True, help_text="Among the network's layers, from 1; null when that is no longer known."
    )
    pooling = serializers.CharField()
    method = serializers.CharField()
    parameters = ShownParametersSerializer()
    digest = serializers.CharField(help_text="Of the parameters: layers with the same one belong together.")
    count = serializers.IntegerField()
    fitted = serializers.IntegerField(help_text="The map was made of so many; the others were placed on it.")
    trustworthiness = serializers.FloatField(help_text="0 to 1: whether what is near on the map is near.")
    neighbour_agreement = serializers.FloatField(
        help_text="0 to 1: how many of a picture's ten nearest are its nearest on the map."
    )
    separation = serializers.FloatField(
        allow_null=True,
        help_text="1 when categories are apart, 0 as in a random map; null for an unlabelled dataset.",
    )
    weighted_separation = serializers.FloatField(allow_null=True, help_text="Times the trustworthiness.")
    seconds = serializers.FloatField()
    stale = serializers.BooleanField(help_text="Pictures were added, removed or relabelled since.")
    computed_at = serializers.DateTimeField()


class LegendSerializer(serializers.Serializer[Any]):
    """What the numbers of the points mean; scores are counted in ten bins."""

    kind = serializers.CharField()
    names = serializers.ListField(child=serializers.CharField())
    counts = serializers.ListField(child=serializers.IntegerField())
    none = serializers.IntegerField(help_text="Points without a number (65535).")
    experiment = serializers.IntegerField(allow_null=True, help_text="Whose scores they are.")
