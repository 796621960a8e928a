"""Adds a model that somebody brings: a network for images, and one for text beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from gallery.system.commands import ReportingCommand
from gallery.system.home.shipped_files import program
from search.features.library import model_library
from search.features.library.model_library import AddedModelReport


class Command(ReportingCommand[AddedModelReport]):
    """`add_model FOLDER [--dry-run]`."""

    help = (
        "Check a model in ONNX files, which may answer free text, and copy it into the home: it is then a "
        "network as any other. See docs/how-to/free-text.md."
    )
    examples = ("/models/clip-vit-b-32 --dry-run", "/models/clip-vit-b-32 --json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the folder."""
        parser.add_argument(
            "folder",
            type=Path,
            help="with model.json, visual.onnx and, for text, text.onnx and tokenizer.json",
        )
        parser.add_argument("--dry-run", action="store_true", help="only check it")

    def report(self, **options: Any) -> AddedModelReport:
        """Add the model. Raises: WeightsError where it cannot be used."""
        return model_library.add(options["folder"].absolute(), dry_run=options["dry_run"])

    def show(self, report: AddedModelReport) -> None:
        """Say what it is, and what to do with it."""
        self.stdout.write(f"{report['title']} ({report['licence']}, {report['source']})")
        self.stdout.write(
            f"images of {report['input_size']} pixels to {report['dims']} numbers, {report['parameters']:,} "
            f"parameters, {report['ms_image']} ms an image"
        )
        if report["text"]:
            self.stdout.write(
                f"free text, {report['text_parameters']:,} parameters, {report['ms_text']} ms a text"
            )
        if not report["folder"]:
            self.stdout.write("It can be used; nothing was copied.")
            return
        self.stdout.write(f"Added as {report['name']}, {report['bytes']:,} bytes in {report['folder']}")
        self.stdout.write(f"Compare it: {program()} run_experiments --dataset SLUG --models {report['name']}")
        self.stdout.write(f"Use it:     {program()} promote SLUG --model {report['name']} --layer embedding")
