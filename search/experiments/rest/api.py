"""REST endpoints of experiments: validate, call one service, render."""

from __future__ import annotations

from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers as rest
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from gallery.api.pagination import ByNewest
from gallery.api.schema import example
from gallery.api.serializers import JobSerializer
from gallery.api.strict import KnownParameters
from gallery.api.views import ANY_ID, shown_jobs
from gallery.models import Dataset
from search.experiments import (
    answers,
    estimates,
    explanations,
    image_scores,
    leaderboard,
    promotion,
    score_distributions,
)
from search.experiments import jobs as experiment_jobs
from search.experiments import queries as experiment_queries
from search.experiments.rest import serializers as shapes
from search.experiments.rest.renderers import CsvRenderer
from search.models import Experiment

Form = TypeVar("Form", bound=rest.Serializer[Any])


def validated(form_class: type[Form], data: Any) -> Form:
    """Return a form filled in and checked. Raises: ValidationError."""
    form = form_class(data=data)
    form.is_valid(raise_exception=True)
    return form


COMPUTED = OpenApiParameter(
    "computed",
    OpenApiTypes.STR,
    description="The latest `computed_at`, not looked at: another one makes another address for caches.",
)


class ExperimentViewSet(KnownParameters, viewsets.GenericViewSet[Experiment]):
    """Experiments: list, read, compute, compare, and take one for live search."""

    queryset = Experiment.objects.none()
    pagination_class = ByNewest
    lookup_value_regex = ANY_ID
    csv_columns = leaderboard.COLUMNS

    @extend_schema(parameters=[shapes.ExperimentQuerySerializer], responses=answers.ExperimentAnswer)
    def list(self, request: Request) -> Response:
        """List experiments, latest first."""
        wanted = validated(shapes.ExperimentQuerySerializer, request.query_params).as_request()
        page = self.paginate_queryset(experiment_queries.matching(wanted)) or []
        return self.get_paginated_response(experiment_queries.experiment_answers(page))

    @extend_schema(
        examples=[
            example("one network", {"dataset": "birds", "models": ["mobilenet"], "metrics": ["cosine"]})
        ],
        request=shapes.NewExperimentsSerializer,
        responses={202: shapes.NewExperimentsResponseSerializer},
    )
    def create(self, request: Request) -> Response:
        """Compute what is missing of these experiments in the background; answers with the jobs."""
        values = validated(shapes.NewExperimentsSerializer, request.data).validated_data
        dataset = Dataset.objects.called(values.pop("dataset"))
        queued = experiment_jobs.enqueue(dataset, experiment_jobs.plans(**values))
        rows = shown_jobs().filter(pk__in=[job.pk for job in queued]).order_by("pk")
        shown = shapes.NewExperimentsResponseSerializer({"jobs": rows})
        return Response(shown.data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(parameters=[COMPUTED], responses=answers.ExperimentDetailAnswer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return an experiment with its scores by category and which it takes for which."""
        return Response(experiment_queries.experiment_detail(int(pk)))

    @extend_schema(parameters=[shapes.NeighboursQuerySerializer], responses=answers.NeighboursAnswer)
    @action(detail=True)
    def neighbours(self, request: Request, pk: str) -> Response:
        """Return what an image found, nearest first."""
        values = validated(shapes.NeighboursQuerySerializer, request.query_params).validated_data
        return Response(experiment_queries.neighbours(int(pk), values["image"], values["k"]))

    @extend_schema(
        parameters=[shapes.ScoredImagesQuerySerializer, COMPUTED], responses=answers.ScoredImagesAnswer
    )
    @action(detail=True, url_path="image-scores", pagination_class=None)
    def image_scores(self, request: Request, pk: str) -> Response:
        """List images with how well each found its like, best first."""
        values = validated(shapes.ScoredImagesQuerySerializer, request.query_params).validated_data
        return Response(image_scores.image_scores(int(pk), values["count"]))

    @extend_schema(
        parameters=[shapes.ScoreDistributionsQuerySerializer, COMPUTED],
        responses=answers.ScoreDistributionsAnswer,
    )
    @action(detail=False, url_path="score-distributions", pagination_class=None)
    def score_distributions(self, request: Request) -> Response:
        """Tell how many images have which score with each layer of a network."""
        wanted = validated(shapes.ScoreDistributionsQuerySerializer, request.query_params).as_request()
        return Response(score_distributions.score_distributions(wanted))

    @extend_schema(
        parameters=[shapes.ExplanationQuerySerializer], responses=explanations.NeighbourExplanationAnswer
    )
    @action(detail=True)
    def explanation(self, request: Request, pk: str) -> Response:
        """Tell what each cell of the feature maps of query and neighbour has in the neighbour's score."""
        values = validated(shapes.ExplanationQuerySerializer, request.query_params).validated_data
        return Response(explanations.explanation(int(pk), values["image"], values["neighbour"]))

    @extend_schema(parameters=[shapes.ImageQuerySerializer], responses=answers.ImageResultsAnswer)
    @action(detail=False, url_path="of-image", pagination_class=None)
    def of_image(self, request: Request) -> Response:
        """Return what an image found in all experiments at once."""
        values = validated(shapes.ImageQuerySerializer, request.query_params).validated_data
        return Response(experiment_queries.of_image(values["image"]))

    @extend_schema(
        parameters=[shapes.LeaderboardQuerySerializer],
        responses={
            (200, "application/json"): answers.LeaderboardAnswer,
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
    @action(detail=False, pagination_class=None, renderer_classes=[JSONRenderer, CsvRenderer])
    def leaderboard(self, request: Request) -> Response:
        """Compare the experiments of a dataset, best first; with `format=csv` as a file."""
        wanted = validated(shapes.LeaderboardQuerySerializer, request.query_params).as_request()
        response = Response(leaderboard.leaderboard(wanted))
        if isinstance(request.accepted_renderer, CsvRenderer):
            response["Content-Disposition"] = f'attachment; filename="leaderboard-{wanted.dataset}.csv"'
        return response

    @extend_schema(parameters=[shapes.EstimateQuerySerializer], responses=estimates.Estimate)
    @action(detail=False, pagination_class=None)
    def estimate(self, request: Request) -> Response:
        """Say what experiments would take on this machine, by those that were computed here before."""
        values = validated(shapes.EstimateQuerySerializer, request.query_params).validated_data
        dataset = Dataset.objects.called(values.pop("dataset"))
        return Response(estimates.estimate(dataset, experiment_jobs.plans(**values)))

    @extend_schema(request=None, responses={202: JobSerializer})
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, pk: str) -> Response:
        """Use an experiment's configuration for live search, once a job has built its index."""
        job = promotion.enqueue(experiment_queries.experiment(int(pk)))
        return Response(JobSerializer(shown_jobs().get(pk=job.pk)).data, status=status.HTTP_202_ACCEPTED)
