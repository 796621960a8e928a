"""Shows who looks at a page what they may do and read, by the table of policies."""

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


@register.simple_tag(takes_context=True)
def may(context: Context, name: str) -> bool:
    """Whether who looks may POST to a route, as in `{% may 'job-cancel' as cancels %}`: it gets a button."""
    policy = policies.of_route(name, "POST", None)
    return policy is not None and gate.lets_in(policy, context["request"])
