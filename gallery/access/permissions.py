"""The permission of every view of the REST interface: what the table of policies says of its route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from gallery.access import gate

if TYPE_CHECKING:  # rest_framework.views itself loads this module
    from rest_framework.views import APIView


class ByPolicy(BasePermission):
    """Lets in whom the table lets in; the gate has asked already, and this holds also where it did not."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True. Raises: NotAuthenticated, PermissionDenied."""
        asked = request._request
        refusal = gate.refusal_of(gate.policy_of(asked, request.method or ""), asked)
        if refusal is None:
            return True
        if refusal.status == 401:
            raise exceptions.NotAuthenticated(refusal.detail)
        raise exceptions.PermissionDenied(refusal.detail)
