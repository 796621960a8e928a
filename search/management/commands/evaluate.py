"""Measures how well a configuration finds pictures of the same category."""

from __future__ import annotations

from typing import Any, TypedDict

from django.core.management.base import CommandParser

from gallery import jobs
from gallery.system.commands import ReportingCommand, datasets_named, positive
from search import job_kinds
from search.embedding.work_units import without_embedding
from search.experiments import evaluation
from search.experiments.evaluation import EvaluatedConfig
from search.extractors.feature_extractor import live_config
from search.features import feature_specs
from search.management.commands.extract_features import add_configuration
from search.models import Experiment


class EvaluationReport(TypedDict):
    """What was evaluated, and its mean scores in percent."""

    config: EvaluatedConfig
    weighted_precision: float
    precision: float
    map: float


class Command(ReportingCommand[EvaluationReport]):
    """`evaluate SLUG [--model M --layer L --pooling P --metric M] [--k 10]`."""

    help = "Score a labelled dataset, leave-one-out: the live search, or the experiment with the named parts."
    examples = (
        "birds",
        "birds --model squeezenet --layer top --pooling average --metric euclidean --k 5 --json",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the dataset and the configuration."""
        parser.add_argument("dataset", help="slug of the dataset")
        add_configuration(parser)
        parser.add_argument(
            "--metric", choices=Experiment.Metric.values, help="how features are compared; default: cosine"
        )
        parser.add_argument(
            "--k", type=positive, default=10, help="how many results count, at least 1; default: %(default)s"
        )

    def report(self, **options: Any) -> EvaluationReport:
        """Extract what is missing, then score."""
        dataset = datasets_named(options["dataset"])[0]
        k = options["k"]
        named = {name: options[name] for name in ("model", "layer", "pooling", "metric") if options[name]}
        if named and named != {"metric": Experiment.Metric.COSINE.value}:  # what live search ranks by anyway
            metric = named.pop("metric", Experiment.Metric.COSINE.value)
            config = live_config(**named, pca_name="")
            evaluated, scores = evaluation.evaluate_experiment(dataset, config, metric, k)
        else:
            spec = feature_specs.live_index(dataset).spec
            if without_embedding(dataset, spec).exists():
                jobs.perform_now(job_kinds.EXTRACT, dataset, spec=spec.pk)
            evaluated, scores = evaluation.evaluate_live(dataset, k)
        return {"config": evaluated, **scores}
