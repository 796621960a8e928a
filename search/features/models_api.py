"""REST endpoint of the networks that this installation knows."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gallery.access import gate, policies
from gallery.api.strict import KnownParameters
from gallery.public_text import public_text
from search.features import answers


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
