"""Converts networks where TensorFlow is installed, for installations without it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, TypedDict

from django.conf import settings
from django.core.management.base import CommandParser

from gallery.system.commands import ReportingCommand
from search.features.library import network_conversion


class ConversionReport(TypedDict):
    """The networks converted, and where they lie."""

    networks: list[str]
    folder: str
    bytes: int
    seconds: float


class Command(ReportingCommand[ConversionReport]):
    """`convert_networks [NAME… | default] [--output DIR]`."""

    help = (
        "Convert networks for installations without TensorFlow; default: all whose weights come with "
        "requirements.txt. An installation finds them in CONVERTED_NETWORKS when it is started anew."
    )
    examples = (
        "",
        "squeezenet efficientnet-lite0 --output /srv/converted --json",
    )

    # it writes beside the program, which may be another account's than the home
    needs_home = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the networks and the folder."""
        parser.add_argument("names", nargs="*", metavar="NAME", help="of a network, or default")
        parser.add_argument(
            "--output", type=Path, default=settings.CONVERTED_NETWORKS, help="default: %(default)s"
        )

    def report(self, **options: Any) -> ConversionReport:
        """Convert one network after another."""
        started = time.perf_counter()
        networks = network_conversion.networks_named(options["names"])
        done, size = [], 0
        for name, folder in network_conversion.convert(networks, options["output"]):
            done.append(name)
            taken = sum(file.stat().st_size for file in folder.iterdir())
            size += taken
            if options["verbosity"]:
                self.stderr.write(f"{name}: {taken / 1e6:.0f} MB")
        return {
            "networks": done,
            "folder": str(options["output"]),
            "bytes": size,
            "seconds": round(time.perf_counter() - started, 1),
        }
