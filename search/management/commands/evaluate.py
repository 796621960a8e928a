"""Measures how well a configuration finds pictures of the same category."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from gallery import jobs
from gallery.commands import ReportingCommand, datasets_named
from gallery.models import Job
from search.management.commands.extract_features import add_configuration
from search.models import FeatureSpec
from search.services import evaluation, extraction, features


class Command(ReportingCommand):
    """`evaluate SLUG [--model M --layer L --pooling P --metric cosine] [--k 10]`."""

    help = "Score a configuration on a labelled dataset, leave-one-out; without options, the live one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the dataset and the configuration."""
        parser.add_argument("dataset")
        add_configuration(parser)
        parser.add_argument("--metric", choices=["cosine"], default="cosine")
        parser.add_argument("--k", type=int, default=10)

    def report(self, **options: Any) -> dict[str, Any]:
        """Extract what is missing, then score."""
        dataset = datasets_named(options["dataset"])[0]
        config = features.config_named(options["model"], options["layer"], options["pooling"])
        spec = FeatureSpec.objects.for_config(config) if config else features.live_index(dataset).spec
        if extraction.without_embedding(dataset, spec).exists():
            jobs.perform_now(Job.Kind.EXTRACT, dataset, spec=spec.pk)
        described, scores = evaluation.evaluate(dataset, config, max(1, options["k"]))
        return {"config": described, **asdict(scores)}
