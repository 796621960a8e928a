"""Which form an answer has, and what a method without content of its own says."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.metadata import SimpleMetadata
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request


class Negotiation(DefaultContentNegotiation):
    """Chooses by `Accept`, and answers one that cannot be read as it answers one that cannot be met."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer and its media type. Raises: NotAcceptable; Http404 for an unknown `format`."""
        try:
            chosen: tuple[BaseRenderer, str] = super().select_renderer(request, renderers, format_suffix)
            return chosen
        except ValueError as error:  # of a parameter in an encoding that nobody knows
            raise NotAcceptable(available_renderers=renderers) from error


class JsonMetadata(SimpleMetadata):
    """What OPTIONS answers, which is JSON also where the address sends bytes or CSV."""

    def determine_metadata(self, request: Request, view: Any) -> Any:
        """Return the description of a view, and have it rendered as JSON."""
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
        return super().determine_metadata(request, view)

    def determine_actions(self, request: Request, view: Any) -> Any:
        """Return the fields of each method, where the view has one form for all of them."""
        return super().determine_actions(request, view) if getattr(view, "serializer_class", None) else {}
