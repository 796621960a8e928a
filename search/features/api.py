"""What the layers of the networks see: validate, call one service, render."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gallery.api.strict import KnownParameters
from gallery.errors import NotFoundError
from gallery.models import Image
from search.features import answers

MAX_CHANNELS = 64


class FeatureMapsQuerySerializer(serializers.Serializer[Any]):
    """Which image, and how many channels."""

    image = serializers.IntegerField(min_value=1, max_value=2**63 - 1, help_text="The id of a stored image.")
    count = serializers.IntegerField(min_value=1, max_value=MAX_CHANNELS, default=12)
    means = serializers.BooleanField(default=False, help_text="Whether `means` are wanted.")


class FeatureMapsView(KnownParameters, APIView):
    """What a layer makes of a stored image."""

    @extend_schema(parameters=[FeatureMapsQuerySerializer], responses=answers.FeatureMapsAnswer)
    def get(self, request: Request, name: str, layer: str) -> Response:
        """Return the channels with the largest means, as images of where they answer."""
        form = FeatureMapsQuerySerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        wanted = form.validated_data
        image = Image.objects.filter(pk=wanted["image"]).first()
        if image is None:
            raise NotFoundError(f"There is no image {wanted['image']}.")
        found = answers.feature_maps_answer(image, name, layer, wanted["count"])
        if not wanted["means"]:
            del found["means"]
        return Response(found)
