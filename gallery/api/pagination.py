"""Keyset paging for every list of the REST interface."""

from __future__ import annotations

import re

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from gallery.browse.paging import asked_id


class ByNewest(CursorPagination):
    """Newest first; `cursor` and `page_size` are the query parameters."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500

    def get_page_size(self, request: Request) -> int | None:
        """Return how many rows a page has, at most `max_page_size`. Raises: ValidationError for no number."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is not None and not re.fullmatch("0*[1-9][0-9]{0,17}", asked):
            words = f"Give a whole number from 1 to {self.max_page_size}."
            raise ValidationError({self.page_size_query_param: [words]})
        size: int | None = super().get_page_size(request)
        return size

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return where the asked page begins. Raises: NotFound for a cursor that no page has given."""
        cursor: Cursor | None = super().decode_cursor(request)
        # the base class takes any text for a position, and the database then refuses it
        if cursor and cursor.position is not None and asked_id({"p": cursor.position}, "p") is None:
            raise NotFound(self.invalid_cursor_message)
        return cursor


class ByOldest(ByNewest):
    """In the order of arrival."""

    ordering = "id"
