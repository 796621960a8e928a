"""Who may read and write: reading is open unless closed by a setting, writing is for staff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:  # rest_framework.views itself loads this module
    from rest_framework.views import APIView


class ReadOpenWriteStaff(BasePermission):
    """Anybody reads (signed-in users only, when `OPEN_READING` is off); staff writes."""

    message = "This needs a staff session or a token; `manage.py create_token USER` makes one."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Decide by method."""
        if request.method in SAFE_METHODS:
            return settings.OPEN_READING or bool(request.user and request.user.is_authenticated)
        return bool(request.user and request.user.is_staff)


class MayRead(ReadOpenWriteStaff):
    """For a POST that only reads, as a search does."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Treat every method as reading."""
        return settings.OPEN_READING or bool(request.user and request.user.is_authenticated)
