"""Shapes of access tokens in the REST interface."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from gallery.access.scopes import Scope
from gallery.accounts import tokens
from gallery.api.strict import KnownFields
from gallery.models import AccessToken


class TokenSerializer(serializers.ModelSerializer[AccessToken]):
    """A token as its owner sees it; the token itself is told once, when it is made."""

    scopes = serializers.ListField(child=serializers.ChoiceField(choices=[scope.value for scope in Scope]))

    class Meta:
        model = AccessToken
        fields = ["id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at"]


class NewTokenSerializer(KnownFields, serializers.Serializer[Any]):
    """A token to make."""

    name = serializers.CharField(max_length=100)
    scopes = serializers.MultipleChoiceField(
        choices=[scope.value for scope in Scope], allow_empty=False, help_text="What it may be used for."
    )
    days = serializers.IntegerField(
        default=tokens.DAYS,
        min_value=1,
        max_value=tokens.MOST_DAYS,
        allow_null=True,
        help_text="After so many days it ends; null: only when it is revoked.",
    )


class NewTokenResponseSerializer(TokenSerializer):
    """A new token, told this once."""

    token = serializers.SerializerMethodField()

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]

    def get_token(self, row: AccessToken) -> str:
        """Return the token itself."""
        text: str = self.context["token"]
        return text
