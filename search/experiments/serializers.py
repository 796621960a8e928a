"""Shapes of experiments, of what a picture found in them, and of the leaderboard in the REST interface."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from gallery.api.serializers import JobSerializer, PictureSerializer
from gallery.browse.paging import LARGEST_ID
from search.experiments.jobs import NEIGHBOURS_KEPT
from search.experiments.leaderboard import LeaderboardRequest
from search.experiments.queries import POOLINGS, SCORES, ExperimentFilter
from search.models import Experiment

PERCENT = "Mean over all labelled pictures, in percent; null for an unlabelled dataset."
FRACTION = "0 to 1; null without a label."


def choice(names: tuple[str, ...], what: str) -> serializers.ChoiceField:
    """Return an optional field of a query that takes one of these names; empty stands for all."""
    refused = f"“{{input}}” is no {what}; there are {', '.join(names)}."
    return serializers.ChoiceField(
        names, required=False, allow_blank=True, error_messages={"invalid_choice": refused}
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
    """The picture that searches."""

    image = serializers.IntegerField(min_value=1, max_value=LARGEST_ID, help_text="The id of a stored image.")


class NeighboursQuerySerializer(ImageQuerySerializer):
    """The picture that searches, and how many it shall find."""

    k = serializers.IntegerField(default=10, min_value=1, max_value=NEIGHBOURS_KEPT)


class NewExperimentsSerializer(serializers.Serializer[Any]):
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


class NewExperimentsResponseSerializer(serializers.Serializer[Any]):
    """The jobs that compute, one a network; none when there is nothing to compute."""

    jobs = JobSerializer(many=True)


class ScoresSerializer(serializers.Serializer[Any]):
    """The three scores of an experiment."""

    weighted_precision = serializers.FloatField(allow_null=True, help_text=PERCENT)
    precision = serializers.FloatField(allow_null=True, help_text=PERCENT)
    map = serializers.FloatField(allow_null=True, help_text=PERCENT)


class ExperimentSerializer(ScoresSerializer):
    """An experiment: every picture of a dataset searched among the others."""

    id = serializers.IntegerField()
    dataset = serializers.CharField()
    model = serializers.CharField()
    layer = serializers.CharField()
    pooling = serializers.CharField()
    metric = serializers.CharField()
    input_size = serializers.IntegerField()
    dims = serializers.IntegerField()
    bytes_per_vector = serializers.IntegerField()
    images = serializers.IntegerField()
    k = serializers.IntegerField(help_text="How many first neighbours the precisions look at.")
    extract_ms = serializers.FloatField(
        allow_null=True, help_text="Milliseconds a picture of the network up to the layer."
    )
    computed_at = serializers.DateTimeField()
    stale = serializers.BooleanField(help_text="Pictures were added, removed or relabelled since.")


class CategoryScoresSerializer(ScoresSerializer):
    """The scores of the pictures of one category."""

    name = serializers.CharField()
    images = serializers.IntegerField()


class CategoryCountSerializer(serializers.Serializer[Any]):
    """How many neighbours were of a category."""

    category = serializers.CharField()
    count = serializers.IntegerField()


class ConfusionSerializer(serializers.Serializer[Any]):
    """Which categories the first neighbours of a category's pictures had, most often first."""

    category = serializers.CharField()
    neighbours = CategoryCountSerializer(many=True)


class ExperimentDetailSerializer(ExperimentSerializer):
    """An experiment with its scores by category."""

    categories = CategoryScoresSerializer(many=True)
    confusion = ConfusionSerializer(many=True)


class QueryScoresSerializer(serializers.Serializer[Any]):
    """How well one picture found its like."""

    weighted_precision = serializers.FloatField(allow_null=True, help_text=FRACTION)
    precision = serializers.FloatField(allow_null=True, help_text=FRACTION)
    average_precision = serializers.FloatField(allow_null=True, help_text=FRACTION)


class NeighbourSerializer(PictureSerializer):
    """A picture that was found; `relevant` is null where a label is missing."""

    rank = serializers.IntegerField()
    score = serializers.FloatField(help_text="Higher is nearer; distances are negative.")
    relevant = serializers.BooleanField(allow_null=True)


class NeighboursSerializer(QueryScoresSerializer):
    """What a picture found in one experiment, nearest first."""

    experiment = serializers.IntegerField()
    image = PictureSerializer()
    neighbours = NeighbourSerializer(many=True)


class ImageResultSerializer(QueryScoresSerializer):
    """What a picture found in one experiment, as `[id, score]` pairs, nearest first."""

    experiment = serializers.IntegerField()
    neighbours = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2),
        max_length=NEIGHBOURS_KEPT,
    )


class ImageResultsSerializer(serializers.Serializer[Any]):
    """What a picture found in every experiment; `pictures` holds each picture once, by id."""

    image = PictureSerializer()
    pictures = serializers.DictField(child=PictureSerializer())
    results = ImageResultSerializer(many=True)


class LeaderboardRowSerializer(ScoresSerializer):
    """An experiment among the others of its dataset."""

    rank = serializers.IntegerField(allow_null=True, help_text="Equal scores share a rank; null without.")
    experiment = serializers.IntegerField()
    model = serializers.CharField()
    title = serializers.CharField()
    layer = serializers.CharField()
    layer_position = serializers.IntegerField(
        allow_null=True, help_text="Among the network's layers, from 1; null when that is no longer known."
    )
    pooling = serializers.CharField()
    metric = serializers.CharField()
    dims = serializers.IntegerField()
    bytes_per_vector = serializers.IntegerField()
    extract_ms = serializers.FloatField(allow_null=True)
    pareto = serializers.BooleanField(help_text="No other row is as good for less, or better for no more.")
    live = serializers.BooleanField(help_text="The dataset's live searches use this configuration.")


class LeaderboardSerializer(serializers.Serializer[Any]):
    """The experiments of a dataset, best first."""

    dataset = serializers.CharField()
    metric = serializers.CharField(allow_null=True)
    pooling = serializers.CharField(allow_null=True)
    score = serializers.CharField()
    rows = LeaderboardRowSerializer(many=True)
