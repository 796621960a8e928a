"""Answers about networks and their layers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class LayerSerializer(serializers.Serializer[Any]):
    """A layer of a network whose feature map can be searched with."""

    name = serializers.CharField()
    type = serializers.CharField(help_text="Its class in Keras.")
    index = serializers.IntegerField(help_text="Its number, counted from 1, among `total_layers`.")
    total_layers = serializers.IntegerField()
    parameters = serializers.IntegerField(help_text="Parameters up to and with this layer.")
    shape = serializers.ListField(
        child=serializers.IntegerField(),
        min_length=3,
        max_length=3,
        help_text="Height, width and channels of its map.",
    )
    picture = serializers.CharField(
        allow_null=True, help_text="A picture of what excites it most, painted by gradient ascent."
    )


class ModelSerializer(serializers.Serializer[Any]):
    """A network and whether it can be used here."""

    name = serializers.CharField()
    title = serializers.CharField()
    input_size = serializers.IntegerField(help_text="Side in pixels; 0 while the network is unknown.")
    parameters = serializers.IntegerField(help_text="Parameters up to the last layer listed.")
    baseline = serializers.BooleanField(help_text="It is there to be compared with.")
    layers = LayerSerializer(many=True)
    available = serializers.BooleanField()
    reason = serializers.CharField(help_text="Why it cannot be used and what to do; empty when it can.")
