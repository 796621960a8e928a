"""`{% time job.created_at "minute" %}`: a time, which the browser then shows in its own language and zone."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django import template
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

register = template.Library()

# how it is written where no script runs, in the zone of the site; js/shared/theme.js knows the same names
_FORMATS = {"day": "j M Y", "minute": "j M Y, H:i", "second": "j M Y, H:i:s", "clock": "H:i:s"}


@register.simple_tag
def time(moment: datetime, shown: Literal["day", "minute", "second", "clock"]) -> SafeString:
    """Return a `<time>` that shows a moment to the day, minute or second, or only the time of day."""
    here = localtime(moment)
    return format_html(
        '<time datetime="{}" data-shown="{}">{}</time>',
        here.isoformat(timespec="seconds"),
        shown,
        date_format(here, _FORMATS[shown]),
    )
