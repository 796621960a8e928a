"""What is asked of experiments in the REST interface; `answers` says what comes back."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from gallery.api.serializers import JobSerializer
from gallery.api.strict import KnownFields
from gallery.browse.paging import LARGEST_ID
from search.experiments.leaderboard import LeaderboardRequest
from search.experiments.measured import NEIGHBOURS_KEPT
from search.experiments.queries import POOLINGS, SCORES, ExperimentFilter
from search.models import Experiment


def choice(names: tuple[str, ...], what: str, *, required: bool = False) -> serializers.ChoiceField:
    """Return a field of a query that takes one of these names; where it is optional, empty stands for all."""
    refused = f"“{{input}}” is no {what}; there are {', '.join(names)}."
    return serializers.ChoiceField(
        names, required=required, allow_blank=not required, error_messages={"invalid_choice": refused}
    )


class ConfigurationQuerySerializer(serializers.Serializer[Any]):
    """Which poolings and metrics are asked for."""

    pooling = choice(POOLINGS, "pooling")
    metric = choice(tuple(Experiment.Metric.values), "metric")


class ExperimentQuerySerializer(ConfigurationQuerySerializer):
    """Which experiments are listed; empty stands for all."""

    dataset = serializers.CharField(
        required=False, allow_blank=True, help_text="Only of this dataset (slug)."
    )
    model = serializers.CharField(required=False, allow_blank=True)
    layer = serializers.CharField(required=False, allow_blank=True)

    def as_request(self) -> ExperimentFilter:
        """Return the validated filter."""
        return ExperimentFilter(**self.validated_data)


class LeaderboardQuerySerializer(ConfigurationQuerySerializer):
    """Which experiments are compared, and by which score."""

    dataset = serializers.CharField(help_text="Of this dataset (slug).")
    score = serializers.ChoiceField(
        SCORES,
        default=SCORES[0],
        error_messages={"invalid_choice": f"“{{input}}” is no score; there are {', '.join(SCORES)}."},
    )

    def as_request(self) -> LeaderboardRequest:
        """Return the validated request."""
        return LeaderboardRequest(**self.validated_data)


class ImageQuerySerializer(serializers.Serializer[Any]):
    """The image that searches."""

    image = serializers.IntegerField(min_value=1, max_value=LARGEST_ID, help_text="The id of a stored image.")


class NeighboursQuerySerializer(ImageQuerySerializer):
    """The image that searches, and how many it shall find."""

    k = serializers.IntegerField(default=10, min_value=1, max_value=NEIGHBOURS_KEPT)


class ScoredImagesQuerySerializer(serializers.Serializer[Any]):
    """How many images are listed with their scores."""

    count = serializers.IntegerField(
        default=200, min_value=1, max_value=500, help_text="At the most; of more, evenly by rank."
    )


class ScoreDistributionsQuerySerializer(serializers.Serializer[Any]):
    """Of which network the layers are compared, and how."""

    dataset = serializers.CharField(help_text="Of this dataset (slug).")
    model = serializers.CharField()
    pooling = choice(POOLINGS, "pooling", required=True)
    metric = choice(tuple(Experiment.Metric.values), "metric", required=True)

    def as_request(self) -> ExperimentFilter:
        """Return the validated filter, of all layers."""
        return ExperimentFilter(**self.validated_data)


class ExplanationQuerySerializer(ImageQuerySerializer):
    """The image that searches, and which of its neighbours is explained."""

    neighbour = serializers.IntegerField(
        min_value=1, max_value=LARGEST_ID, help_text="The id of an image that it found."
    )


class NewExperimentsSerializer(KnownFields, serializers.Serializer[Any]):
    """Experiments to compute; what is not said is the default, and `all` as a model is every network."""

    dataset = serializers.CharField(max_length=80, help_text="The slug of the dataset.")
    models = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, max_length=100
    )
    poolings = serializers.ListField(
        child=serializers.CharField(max_length=20), required=False, max_length=len(POOLINGS)
    )
    metrics = serializers.ListField(
        child=serializers.CharField(max_length=20), required=False, max_length=len(Experiment.Metric.values)
    )


class EstimateQuerySerializer(NewExperimentsSerializer):
    """Experiments that may be computed; what is not said is the default."""


class NewExperimentsResponseSerializer(serializers.Serializer[Any]):
    """The jobs that compute, one a network; none when there is nothing to compute."""

    jobs = JobSerializer(many=True)
