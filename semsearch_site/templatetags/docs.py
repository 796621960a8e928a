"""`{% docs_address "explanation/maps#heading" as address %}`: where a page of the documents is read."""

from __future__ import annotations

from django import template
from django.urls import NoReverseMatch, reverse

register = template.Library()


@register.simple_tag
def docs_address(page: str) -> str:
    """Return the address of a page of the documents, "" where this site does not serve them."""
    path, hash_sign, heading = page.partition("#")
    try:
        return reverse("document", kwargs={"path": f"{path}.html"}) + hash_sign + heading
    except NoReverseMatch:
        return ""
