"""The project as applications of Django: its own, and the admin with what is registered there.

Neither loads anything: a command begins with no more than it needs.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class SiteConfig(AppConfig):
    """The project itself, with its commands and what its templates use."""

    default = True
    name = "semsearch_site"


class AdminConfig(SimpleAdminConfig):
    """Django's admin, which finds what applications register there with the addresses of the site."""

    default_site = "semsearch_site.admin_site.Site"

    def ready(self) -> None:
        """Have it checked as Django does, but find nothing yet: commands and workers make no page of it."""
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(check_registered, checks.Tags.admin)


def check_registered(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    """Return what is wrong with what applications register at the admin."""
    from django.contrib import admin

    admin.autodiscover()
    found: list[checks.CheckMessage] = check_admin_app(app_configs, **options)
    return found
