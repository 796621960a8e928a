"""Answers in other forms than JSON."""

from __future__ import annotations

from rest_framework.renderers import BaseRenderer


class BinaryRenderer(BaseRenderer):
    """Names the binary form in negotiation and schema; its bytes are made by a service."""

    media_type = "application/octet-stream"
    format = "binary"
