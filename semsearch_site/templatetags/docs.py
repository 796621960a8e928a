"""`{% docs_address "explanation/scores" as address %}`: where a page of the documents is read."""

from __future__ import annotations

from functools import cache

from django import template
from django.urls import Resolver404, get_script_prefix, resolve

register = template.Library()


@register.simple_tag
def docs_address(page: str) -> str:
    """Return the address of a page of the documents, "" where this site does not serve them."""
    path = f"/docs/{page}/"
    return get_script_prefix().rstrip("/") + path if _is_served(path) else ""


@cache
def _is_served(path: str) -> bool:
    """Whether a route answers a path, below whatever prefix."""
    try:
        resolve(path)
    except Resolver404:
        return False
    return True
