"""How often one client may search."""

from __future__ import annotations

import logging

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class SearchThrottle(ScopedRateThrottle):
    """Counts searches in the cache; while the cache server is away nobody is refused for it."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Return whether this search may be made now."""
        try:
            return super().allow_request(request, view)
        except RedisError as error:
            logger.warning("Searches are not counted: %s", error)
            return True
