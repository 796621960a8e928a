"""Removes a model that `add_model` added."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gallery.system.commands import ReportingCommand
from search.features.library import model_library
from search.features.library.model_library import RemovedModelReport


class Command(ReportingCommand[RemovedModelReport]):
    """`remove_model NAME`."""

    help = "Remove a model that add_model added; its features and experiments stay until they are deleted."
    examples = ("clip-vit-b-32", "clip-vit-b-32 --json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the model."""
        parser.add_argument("name", metavar="NAME", help="as it was added")

    def report(self, **options: Any) -> RemovedModelReport:
        """Remove it. Raises: ModelInUseError where live search uses it."""
        return model_library.remove(options["name"])
