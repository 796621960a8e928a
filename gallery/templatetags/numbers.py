"""`{% number dataset.images %}`: a number, which the browser then groups as its own language does."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def number(count: int | None) -> SafeString:
    """Return a `<data>` that shows a whole number, as in English where no script runs; nothing for None.

    js/shared/theme.js writes it anew, so that pages are the same for everybody and can be kept by caches.
    """
    return SafeString("") if count is None else format_html('<data value="{}">{}</data>', count, f"{count:,}")
