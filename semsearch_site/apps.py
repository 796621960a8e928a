"""The project as applications of Django: its own, and the admin with what is registered there.

Commands that end soon begin with less: neither the Celery application, by which tasks are sent, nor the pages
of the admin.
"""

from __future__ import annotations

import sys

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig

# they send no task and make no page
QUICK_COMMANDS = ("search_images",)


def is_quick() -> bool:
    """Whether this process is a command that is to end soon."""
    return sys.argv[1:2] in [[name] for name in QUICK_COMMANDS]


class SiteConfig(AppConfig):
    """Makes the Celery application the one that tasks are sent by."""

    default = True
    name = "semsearch_site"

    def ready(self) -> None:
        """Load it."""
        if not is_quick():
            from semsearch_site import celery  # noqa: F401


class AdminConfig(SimpleAdminConfig):
    """Django's admin, which finds what applications register there."""

    default_site = "semsearch_site.admin_site.Site"

    def ready(self) -> None:
        """Find it."""
        super().ready()
        if not is_quick():
            from django.contrib import admin

            admin.autodiscover()
