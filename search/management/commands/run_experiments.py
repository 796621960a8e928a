"""Computes experiments: networks x layers x poolings x metrics on one dataset or on all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Never, TypedDict

from django.core.management.base import CommandParser

from gallery.errors import WeightsError
from gallery.models import Dataset
from gallery.system.commands import DONE, PARTLY, ReportingCommand, datasets_named, undeleted
from search.embedding import network_jobs
from search.experiments import jobs as experiment_jobs
from search.experiments import queries as experiment_queries
from search.experiments.answers import BestExperiment
from search.extractors.networks import registry


class UnavailableModel(TypedDict):
    """A network that was passed over, and why."""

    model: str
    reason: str


class ExperimentsReport(TypedDict):
    """How many experiments were computed and how many were there, the best one ({} for none), the rest."""

    experiments: int
    skipped: int
    best: BestExperiment | dict[str, Never]
    unavailable: list[UnavailableModel]
    seconds: float


class Command(ReportingCommand[ExperimentsReport]):
    """`run_experiments [--dataset SLUG] [--models all] [--poolings average] [--metrics cosine,euclidean]`."""

    named: Sequence[str] = ()
    help = "Compute the experiments that are missing or out of date."
    examples = (
        "--dataset birds",
        "--dataset birds --models squeezenet,mobilenet --poolings average,max --metrics cosine",
        "--models all --json",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the dataset and the configurations."""
        parser.add_argument("--dataset", help="slug of a dataset; default: all")
        parser.add_argument("--models", type=names, default=(), help="names with commas, or all")
        parser.add_argument("--poolings", type=names, default=(), help="average, max, gem, pyramid, flatten")
        parser.add_argument(
            "--metrics", type=names, default=(), help="cosine, euclidean, inner_product, manhattan"
        )

    def status_of(self, report: ExperimentsReport) -> int:
        """Say that a network which was named could not be used; of "all" those that can are meant."""
        passed_over = {one["model"] for one in report["unavailable"]}
        return PARTLY if passed_over.intersection(self.named) else DONE

    def report(self, **options: Any) -> ExperimentsReport:
        """Run one job a dataset and network; a network that cannot be used is named and passed over."""
        started = time.perf_counter()
        self.named = options["models"]
        plans = experiment_jobs.plans(options["models"], options["poolings"], options["metrics"])
        datasets = datasets_named(options["dataset"])
        computed = skipped = 0
        unavailable: dict[str, str] = {}
        for plan in plans:
            try:
                network_jobs.fetch_weights(plan.model)
            except WeightsError as error:
                unavailable[plan.model] = error.detail
                asked = len(registry.get_network(plan.model).layers) * len(plan.poolings) * len(plan.metrics)
                skipped += asked * len(datasets)
                self.stderr.write(f"{plan.model} is passed over: {error.detail}")
                continue
            for dataset, new, there in undeleted(datasets, partial(_computed, plan)):
                computed, skipped = computed + new, skipped + there
                if options["verbosity"]:
                    self.stderr.write(f"{dataset.slug}, {plan.model}: {new} computed, {there} already there")
        return {
            "experiments": computed,
            "skipped": skipped,
            "best": experiment_queries.best(datasets) or {},
            "unavailable": [{"model": name, "reason": reason} for name, reason in unavailable.items()],
            "seconds": round(time.perf_counter() - started, 2),
        }


def _computed(plan: experiment_jobs.Plan, dataset: Dataset) -> tuple[Dataset, int, int]:
    return dataset, *experiment_jobs.compute_now(dataset, plan)


def names(text: str) -> tuple[str, ...]:
    """Return the names of a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
