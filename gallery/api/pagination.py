"""Keyset paging for every list of the REST interface."""

from __future__ import annotations

from rest_framework.pagination import CursorPagination


class ByNewest(CursorPagination):
    """Newest first; `cursor` and `page_size` are the query parameters."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500


class ByOldest(ByNewest):
    """In the order of arrival."""

    ordering = "id"
