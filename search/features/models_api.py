"""REST endpoint of the networks that this installation knows."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from search.features import loaded_extractors, serializers


class ModelsView(APIView):
    """The networks this installation knows."""

    @extend_schema(responses=serializers.ModelSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List networks with their layers, and the reason where one cannot be used."""
        return Response(serializers.ModelSerializer(loaded_extractors.described_networks(), many=True).data)
