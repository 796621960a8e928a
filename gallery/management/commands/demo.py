"""Prepares the sample data at the first run, then serves the site."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from gallery.models import Dataset, Image

SAMPLES = ("objects200", "clipart200")


class Command(BaseCommand):
    """`demo`."""

    help = "Migrate, import and index the sample datasets unless they are there, then serve."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is missing, then serve."""
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        for name in SAMPLES:
            if (
                not Dataset.objects.filter(slug=name).exists()
                or not Image.objects.filter(dataset__slug=name).exists()
            ):
                self.stdout.write(f"Importing {name} and extracting its features")
                call_command("import_dataset", settings.BASE_DIR / "sample_data" / name, name=name)
                call_command("rebuild_index", dataset=name)
        call_command("serve")
