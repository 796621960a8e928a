"""Makes maps of datasets: methods x networks x layers, on one dataset or on all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, TypedDict

from django.core.management.base import CommandParser

from gallery.errors import WeightsError
from gallery.system.commands import DONE, PARTLY, ReportingCommand, datasets_named
from gallery.system.open_datasets import DatasetClosedError
from search.extractors.networks import registry
from search.management.commands.run_experiments import UnavailableModel, names
from search.maps import jobs as map_jobs

OPTIONS = ("neighbours", "min_dist", "metric", "perplexity", "seed")


class ProjectionReport(TypedDict):
    """How many maps were made and how many were there, and the networks passed over."""

    projections: int
    skipped: int
    unavailable: list[UnavailableModel]
    seconds: float


class Command(ReportingCommand[ProjectionReport]):
    """`project_embeddings [--dataset SLUG] [--method umap|tsne|pca] [--models A,B] [--pooling average]`."""

    named: Sequence[str] = ()
    help = "Make the maps that are missing or out of date."
    examples = (
        "--dataset birds",
        "--dataset birds --method umap --models squeezenet --pooling max",
        "--method umap --neighbours 15 --min-dist 0.1 --metric cosine",
        "--method tsne --perplexity 30 --seed 1 --afresh --json",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the dataset, the networks and how the maps are made."""
        parser.add_argument("--dataset", help="slug of a dataset; default: all")
        parser.add_argument("--method", choices=map_jobs.METHODS, help="default: all three")
        parser.add_argument("--models", type=names, default=(), help="names with commas, or all")
        parser.add_argument("--pooling", default="", help="default: average")
        parser.add_argument("--neighbours", type=int, help="UMAP: how many neighbours an image has")
        parser.add_argument("--min-dist", type=float, help="UMAP: how near points may come, 0 to 0.99")
        parser.add_argument("--metric", help="cosine (default) or euclidean")
        parser.add_argument("--perplexity", type=float, help="t-SNE: about how many neighbours count")
        parser.add_argument("--seed", type=int, help="the same seed gives the same map")
        parser.add_argument("--afresh", action="store_true", help="make anew what is there, too")

    def status_of(self, report: ProjectionReport) -> int:
        """Say that a network which was named could not be used; of "all" those that can are meant."""
        passed_over = {one["model"] for one in report["unavailable"]}
        return PARTLY if passed_over.intersection(self.named) else DONE

    def report(self, **options: Any) -> ProjectionReport:
        """Run one job a method, network and dataset; a network that cannot be used is passed over."""
        started = time.perf_counter()
        self.named = options["models"]
        plans = map_jobs.plans(
            (options["method"],) if options["method"] else (),
            options["models"],
            options["pooling"],
            {name: options[name] for name in OPTIONS if options[name] is not None},
            afresh=options["afresh"],
        )
        datasets = datasets_named(options["dataset"])
        made = skipped = 0
        unavailable: dict[str, str] = {}
        for plan in plans:
            for dataset in datasets:
                try:
                    new, there = map_jobs.compute_now(dataset, plan)
                except WeightsError as error:
                    if plan.model not in unavailable:
                        self.stderr.write(f"{plan.model} is passed over: {error.detail}")
                    unavailable[plan.model] = error.detail
                    skipped += len(registry.get_network(plan.model).layers)
                    continue
                except DatasetClosedError:
                    if len(datasets) == 1:
                        raise
                    continue
                made, skipped = made + new, skipped + there
                if options["verbosity"]:
                    what = f"{dataset.slug}, {plan.projection.method} of {plan.model}"
                    self.stderr.write(f"{what}: {new} maps made, {there} already there")
        return {
            "projections": made,
            "skipped": skipped,
            "unavailable": [{"model": name, "reason": reason} for name, reason in unavailable.items()],
            "seconds": round(time.perf_counter() - started, 2),
        }
