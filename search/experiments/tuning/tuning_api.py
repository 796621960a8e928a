"""REST endpoint of tuning a dataset to its categories."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gallery.api.serializers import JobSerializer
from gallery.api.strict import KnownParameters
from gallery.api.views import shown_jobs
from gallery.models import Dataset
from search.experiments.tuning import tuning_jobs
from search.experiments.tuning.tuning_answers import TuningAnswer, tuning_answer

SLUG = OpenApiParameter("slug", OpenApiTypes.STR, OpenApiParameter.PATH)


class TuningView(KnownParameters, APIView):
    """The tuning of a dataset to its categories."""

    @extend_schema(operation_id="datasets_tuning", parameters=[SLUG], responses=TuningAnswer)
    def get(self, request: Request, slug: str) -> Response:
        """Say what a tuning gains on images that it did not learn from, and whether searches use it."""
        return Response(tuning_answer(Dataset.objects.called(slug)))

    @extend_schema(
        operation_id="datasets_tune", parameters=[SLUG], request=None, responses={202: JobSerializer}
    )
    def post(self, request: Request, slug: str) -> Response:
        """Learn from the labels and measure it, in the background; answers with the job.

        Searches are answered as before, unless they were tuned already.
        """
        job = tuning_jobs.enqueue(Dataset.objects.called(slug))
        return Response(JobSerializer(shown_jobs().get(pk=job.pk)).data, status=status.HTTP_202_ACCEPTED)
