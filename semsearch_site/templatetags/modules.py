"""`{% modules "js/jobs/progress.js" "js/jobs/actions.js" %}`: a page's scripts with all they import."""

from __future__ import annotations

from functools import cache

from django import template
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.templatetags.static import static
from django.urls import get_script_prefix
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from semsearch_site.assets import bundles
from semsearch_site.assets.modules import imported_by, imports
from semsearch_site.assets.static import HashedStaticFiles

register = template.Library()


@register.simple_tag
def modules(*entries: str) -> SafeString:
    """Return tags that load these modules: their bundle, or each with links that ask for its imports."""
    if settings.DEBUG:  # scripts are edited while the server runs
        imports.cache_clear()
        return _tags(entries)
    return _cached_tags(entries, settings.STORAGES["staticfiles"]["BACKEND"], get_script_prefix())


@cache
def _cached_tags(entries: tuple[str, ...], storage: str, prefix: str) -> SafeString:
    # another storage gives the same modules other names, another prefix other addresses
    return _tags(entries)


def _tags(entries: tuple[str, ...]) -> SafeString:
    bundle = bundles.name_of(entries)
    # only what templates ask for is bundled, and only where static files are collected
    if isinstance(staticfiles_storage, HashedStaticFiles) and bundle in staticfiles_storage.hashed_files:
        return format_html('<script type="module" src="{}"></script>', static(bundle))
    links = format_html_join(
        "\n", '<link rel="modulepreload" href="{}">', ((static(name),) for name in imported_by(*entries))
    )
    scripts = format_html_join(
        "\n", '<script type="module" src="{}"></script>', ((static(name),) for name in entries)
    )
    return format_html("{}\n{}", links, scripts) if links else scripts
