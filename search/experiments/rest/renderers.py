"""Answers in other forms than JSON."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer

from gallery.browse.csv_cells import CsvWriter


class CsvRenderer(BaseRenderer):
    """Writes the `rows` of an answer as CSV, its columns named as in JSON; `?format=csv` asks for it."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the bytes of the file; the view names its `columns`, so that an empty list has a header."""
        columns = (renderer_context or {})["view"].csv_columns
        out = io.StringIO(newline="")
        writer = CsvWriter(out)
        writer.row(columns)
        for row in data["rows"]:
            writer.row(_cell(row[name]) for name in columns)
        return out.getvalue().encode()


def _cell(value: Any) -> Any:
    return ("true" if value else "false") if isinstance(value, bool) else value
