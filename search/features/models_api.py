"""REST endpoint of the networks that this installation knows."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from search.features import answers


class ModelsView(APIView):
    """The networks this installation knows."""

    @extend_schema(operation_id="models_list", responses=list[answers.ModelAnswer])
    def get(self, request: Request) -> Response:
        """List networks with their layers, and the reason where one cannot be used."""
        return Response(answers.model_answers())
