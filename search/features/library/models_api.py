"""REST endpoints of the networks that this installation knows, and of their weights."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gallery.access import gate, policies
from gallery.api.serializers import JobSerializer
from gallery.api.strict import KnownParameters
from gallery.api.views import shown_jobs
from gallery.public_text import public_text
from search.features import answers
from search.features.library import weights


class WeightsView(KnownParameters, APIView):
    """The weights of a network that does not ship with the program."""

    @extend_schema(operation_id="models_weights", request=None, responses={202: JobSerializer})
    def post(self, request: Request, name: str) -> Response:
        """Download the weights in the background, where this machine has a connection."""
        job = weights.enqueue(name)
        row = shown_jobs().get(pk=job.pk)
        return Response(JobSerializer(row).data, status=status.HTTP_202_ACCEPTED)


class ModelsView(KnownParameters, APIView):
    """The networks this installation knows."""

    @extend_schema(operation_id="models_list", responses=list[answers.ModelAnswer])
    def get(self, request: Request) -> Response:
        """List networks with their layers, and the reason where one cannot be used."""
        found = answers.model_answers()
        if not gate.lets_in(policies.DETAILS, request._request):
            for model in found:
                model["reason"] = public_text(model["reason"])
        return Response(found)
