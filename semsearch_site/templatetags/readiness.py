"""Tells members of staff, on every page, which part of the site is not ready."""

from __future__ import annotations

from django import template
from django.template.context import Context

from semsearch_site.monitoring import health

register = template.Library()


@register.simple_tag(takes_context=True)
def troubles(context: Context) -> list[str]:
    """Return a sentence on each part that is not ready, as in `{% troubles as found %}`; to staff only."""
    user = getattr(context.get("request"), "user", None)
    return health.troubles() if user is not None and user.is_active and user.is_staff else []
