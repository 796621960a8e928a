"""Django's own, which can leave alone what has been collected already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.management.commands import collectstatic
from django.core.management.base import CommandParser

from gallery.system.home import homes
from semsearch_site.assets import static


class Command(collectstatic.Command):
    """`collectstatic [--if-changed]`, and Django's own options."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the option."""
        super().add_arguments(parser)
        parser.add_argument(
            "--if-changed", action="store_true", help="do nothing where all files are collected as they are"
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Collect, or say that there is nothing to do."""
        if Path(settings.STATIC_ROOT).is_relative_to(homes.folder()):
            homes.refuse_root()
        if options.pop("if_changed") and not static.is_stale():
            return "All static files are collected already." if options["verbosity"] else None
        return super().handle(*args, **options)
