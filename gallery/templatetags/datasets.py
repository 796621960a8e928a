"""Tells a page that its address names a dataset that is not there."""

from __future__ import annotations

from django import template
from django.http import HttpRequest
from django.template.context import Context

from gallery.models import Dataset

register = template.Library()
SAVED = "saved:"


@register.simple_tag(takes_context=True)
def unknown_dataset(context: Context) -> str:
    """Return the dataset that the address names and that does not exist, "" where there is none such."""
    request: HttpRequest = context["request"]
    asked = request.GET.get("dataset", "")
    if asked.startswith(SAVED):
        return ""  # a collection: the search itself says what is wrong with it
    return asked if asked and not Dataset.objects.filter(slug=asked).exists() else ""
