"""REST endpoints of one's own access tokens; a token makes and ends none, a session does."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from gallery.accounts import serializers, tokens
from gallery.api.pagination import ByNewest
from gallery.api.schema import example
from gallery.api.strict import KnownParameters
from gallery.models import AccessToken


class TokenViewSet(
    KnownParameters, mixins.ListModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet[AccessToken]
):
    """One's own tokens: list, make, revoke."""

    queryset = AccessToken.objects.none()
    serializer_class = serializers.TokenSerializer
    pagination_class = ByNewest

    def get_queryset(self) -> QuerySet[AccessToken]:
        """Return the tokens of who asks."""
        return AccessToken.objects.filter(owner=cast(User, self.request.user))

    @extend_schema(
        examples=[example("a token", {"name": "nightly upload", "scopes": ["read", "write"], "days": 90})],
        request=serializers.NewTokenSerializer,
        responses={201: serializers.NewTokenResponseSerializer},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a token; only this answer has it."""
        form = serializers.NewTokenSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made, text = tokens.make_token(cast(User, request.user), **form.validated_data)
        shown = serializers.NewTokenResponseSerializer(made, context={"token": text})
        return Response(shown.data, status=status.HTTP_201_CREATED)

    def perform_destroy(self, instance: AccessToken) -> None:
        """Revoke the token."""
        tokens.revoke(instance)
