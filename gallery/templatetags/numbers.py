"""Numbers of a page, which the browser then writes as its own language does.

js/shared/theme.js writes them anew, so that pages are the same for everybody and can be kept by caches.
Where no script runs they are written as in English.
"""

from __future__ import annotations

from django import template
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def number(count: int | None) -> SafeString:
    """Return a whole number, as in `{% number dataset.images %}`; nothing for None."""
    return SafeString("") if count is None else format_html('<data value="{}">{}</data>', count, f"{count:,}")


@register.simple_tag
def size(count: int) -> SafeString:
    """Return a number of bytes with its unit, "50.0 MB", as in `{% size image.size_bytes %}`."""
    amount, unit = filesizeformat(count).split("\xa0")
    return format_html('<data value="{0}">{0}</data>\xa0{1}', amount, unit)
