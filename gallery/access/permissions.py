"""The permission of every view of the REST interface: what the table of policies says of its route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from gallery.access import gate, policies
from gallery.access.policies import Policy

if TYPE_CHECKING:  # rest_framework.views itself loads this module
    from rest_framework.views import APIView


class ByPolicy(BasePermission):
    """Lets in whom the table lets in; the gate has asked already, and this holds also where it did not."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True. Raises: NotAuthenticated, PermissionDenied."""
        return _let_in(gate.policy_of(request._request, request.method or ""), request)


class SeesHidden(BasePermission):
    """Lets in who may look through the bin, whatever they ask of it."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True. Raises: NotAuthenticated, PermissionDenied."""
        return _let_in(policies.BIN, request)


def _let_in(policy: Policy | None, request: Request) -> bool:
    refusal = gate.refusal_of(policy, request._request)
    if refusal is None:
        return True
    if refusal.status == 401:
        raise exceptions.NotAuthenticated(refusal.detail)
    raise exceptions.PermissionDenied(refusal.detail)
