"""Makes a configuration the one that answers live searches of a dataset, or goes back to the one before."""

from __future__ import annotations

import time
from typing import Any, TypedDict

from django.core.management.base import CommandError, CommandParser

from gallery.system.commands import DONE, PARTLY, ReportingCommand, datasets_named
from search.embedding.network_jobs import fetch_weights
from search.experiments import promotion
from search.experiments.tuning import tuning_jobs
from search.features import feature_specs
from search.management.commands.extract_features import add_configuration
from search.models import FeatureSpec
from search.types import FeatureConfigValues


class PromotionReport(TypedDict):
    """The configuration that is live now, the generation of its index, and what was not extracted."""

    config: FeatureConfigValues
    generation: str
    failed: int
    seconds: float


class Command(ReportingCommand[PromotionReport]):
    """`promote SLUG [--model M --layer L --pooling P | --tuned | --back]`."""

    help = (
        "Switch live search of a dataset to another network, layer and pooling: extract what is missing, "
        "build the index, and only then switch."
    )
    examples = (
        "birds --model squeezenet --layer top --pooling average",
        "birds --tuned",
        "birds --back --json",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the dataset and the configuration."""
        parser.add_argument("dataset", help="slug of the dataset")
        add_configuration(parser)
        parser.add_argument("--tuned", action="store_true", help="to what `tune` has learned")
        parser.add_argument("--back", action="store_true", help="to what was live before the last switch")

    def status_of(self, report: PromotionReport) -> int:
        """Say that images failed."""
        return PARTLY if report["failed"] else DONE

    def report(self, **options: Any) -> PromotionReport:
        """Switch in this process. Raises: CommandError with status 2 for no configuration, or two."""
        started = time.perf_counter()
        named = [options["model"], options["layer"], options["pooling"]]
        if [any(named), options["tuned"], options["back"]].count(True) != 1:
            raise CommandError("Give --model, --layer or --pooling, or else --tuned or --back.", returncode=2)
        dataset = datasets_named(options["dataset"])[0]
        if options["model"]:
            fetch_weights(options["model"])
        config = feature_specs.config_named(*named)
        if config:
            spec = FeatureSpec.objects.for_config(config)
        else:
            spec = tuning_jobs.spec_of(dataset) if options["tuned"] else promotion.spec_before(dataset)
        done = promotion.promote_now(dataset, spec).result
        return {
            "config": spec.config.as_values(),
            "generation": done["generation"],
            "failed": done["failed"],
            "seconds": round(time.perf_counter() - started, 2),
        }
