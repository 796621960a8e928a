"""Shows errors that were kept: in full to those who run the site, as everybody may read them to others."""

from __future__ import annotations

from django import template
from django.template.context import Context

from gallery.access import gate, policies
from gallery.public_text import public_text

register = template.Library()


@register.simple_tag(takes_context=True)
def kept_error(context: Context, text: str) -> str:
    """Return what who asks may read of an error, as in `{% kept_error job.error as words %}`."""
    return text if not text or gate.lets_in(policies.DETAILS, context["request"]) else public_text(text)
