"""Draws what excites the layers of the networks, for the pages that show them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, TypedDict

from django.core.management.base import CommandParser

from gallery.system.commands import ReportingCommand, positive
from gallery.system.home.shipped_files import shipped
from search.extractors.activation import STEPS
from search.extractors.networks import registry
from search.features import layer_images


class ImagesReport(TypedDict):
    """The layers drawn, as network/layer."""

    pictures: list[str]
    seconds: float


class Command(ReportingCommand[ImagesReport]):
    """`picture_layers [--models A,B] [--layers A,B] [--steps N] [--output DIR]`."""

    help = "Draw by gradient ascent what excites the layers of networks; takes minutes a network."
    examples = ("--models squeezenet --layers stem,top --steps 64 --output /tmp/layers --json",)

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the networks and layers."""
        parser.add_argument("--models", help="names with commas; default: every trained network available")
        parser.add_argument("--layers", help="names with commas; default: all")
        parser.add_argument(
            "--steps", type=positive, default=STEPS, help=f"of gradient ascent, default {STEPS}"
        )
        parser.add_argument(
            "--output",
            type=Path,
            default=shipped("static") / layer_images.FOLDER,
            help="default: %(default)s",
        )

    def report(self, **options: Any) -> ImagesReport:
        """Draw one layer after another."""
        started = time.perf_counter()
        if options["models"]:
            networks = [registry.get_network(name) for name in options["models"].split(",")]
        else:
            networks = [network for network in registry.available() if not network.baseline]
        drawn = []
        for network in networks:
            layers = tuple(options["layers"].split(",")) if options["layers"] else network.layers
            for path in layer_images.draw_layers(
                network, layers, steps=options["steps"], root=options["output"]
            ):
                drawn.append(f"{network.name}/{path.stem}")
                if options["verbosity"]:
                    self.stderr.write(f"{path}: {path.stat().st_size} bytes")
        return {"pictures": drawn, "seconds": round(time.perf_counter() - started, 1)}
