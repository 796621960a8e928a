"""How things stand in the database, for `/metrics`, read from counts that are kept where there are some."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from gallery.jobs import kinds
from gallery.models import Backup, Category, Dataset, Job
from search.models import IndexBuild, RemovedEmbedding, SearchIndex

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

# datasets whose index has numbers of its own, those with the most embeddings
MOST_INDEXES = 100
# Ended jobs are as many as there ever were: they are counted anew after so long.
ENDED_COUNTED_EVERY_S = 30.0

_ended: tuple[float, dict[str, int]] = (0.0, {})


def _gauge(name: str, help_text: str, labels: tuple[str, ...] = (), value: float | None = None) -> Any:
    from prometheus_client.metrics_core import GaugeMetricFamily

    return GaugeMetricFamily(f"semsearch_{name}", help_text, value, labels if value is None else None)


def _totals() -> Iterator[Metric]:
    yield _gauge("datasets", "Datasets.", value=Dataset.objects.count())
    yield _gauge("images", "Images.", value=Category.shown.aggregate(n=Sum("images"))["n"] or 0)
    embeddings = SearchIndex.shown.aggregate(n=Sum("embeddings"))["n"] or 0
    yield _gauge("embeddings", "Embeddings, of every index.", value=embeddings)


def _jobs() -> Iterator[Metric]:
    now = timezone.now()
    # a job that was queued anew is as old as the last that is known of it
    since = Greatest("created_at", Coalesce("started_at", "created_at"), Coalesce("not_before", "created_at"))
    due = Q(not_before=None) | Q(not_before__lte=now)
    active = (
        Job.objects.filter(state__in=Job.ACTIVE)
        .order_by()
        .values_list("kind", "state")
        .annotate(count=Count("id"), oldest=Min(since, filter=due))
    )
    states = dict.fromkeys(Job.ACTIVE, 0)
    waiting: dict[str, int] = {found.queue: 0 for found in kinds.registered().values()}
    oldest: dict[str, datetime] = {}
    for kind, state, count, queued_at in active:
        states[Job.State(state)] += count
        found = kinds.find_type(kind)
        if state == Job.State.QUEUED and found is not None:
            waiting[found.queue] += count
            if queued_at is not None:
                oldest[found.queue] = min(queued_at, oldest.get(found.queue, queued_at))
    by_state = _gauge("jobs", "Jobs by state.", ("state",))
    counts = {**_ended_jobs(), **{state.value: count for state, count in states.items()}}
    for name in Job.State.values:
        by_state.add_metric([name], counts.get(name, 0))
    yield by_state
    yield from _queues(waiting, {queue: (now - at).total_seconds() for queue, at in oldest.items()})


def _queues(waiting: dict[str, int], ages: dict[str, float]) -> Iterator[Metric]:
    length = _gauge("queue_jobs", "Jobs that wait, by queue; those that rest too.", ("queue",))
    age = _gauge(
        "queue_oldest_job_age_seconds",
        "How long the job that waits longest has waited; 0 for none.",
        ("queue",),
    )
    for queue, count in sorted(waiting.items()):
        length.add_metric([queue], count)
        age.add_metric([queue], max(0.0, ages.get(queue, 0.0)))
    yield from (length, age)


def _ended_jobs() -> dict[str, int]:
    global _ended
    at, counts = _ended
    if not counts or time.monotonic() - at > ENDED_COUNTED_EVERY_S:
        rows = Job.objects.exclude(state__in=Job.ACTIVE).order_by().values_list("state")
        counts = dict.fromkeys(Job.State.values, 0) | dict(rows.annotate(Count("id")))
        _ended = time.monotonic(), counts
    return counts


def _indexes() -> Iterator[Metric]:
    live = list(
        SearchIndex.shown.filter(live=True)
        .order_by("-embeddings")
        .values_list("pk", "dataset__slug", "embeddings")[:MOST_INDEXES]
    )
    pks = [pk for pk, _, _ in live]
    builds = _published(pks)
    removed = dict(
        RemovedEmbedding.objects.filter(index__in=pks).order_by().values_list("index").annotate(Count("pk"))
    )
    rows = _gauge("index_rows", "Embeddings of the live index of a dataset.", ("dataset",))
    delta = _gauge(
        "index_delta_rows", "Those that its generation does not hold yet, searched one by one.", ("dataset",)
    )
    gone = _gauge("index_removed_rows", "Removed ones that its generation may still hold.", ("dataset",))
    age = _gauge("index_generation_age_seconds", "Time since its generation was built.", ("dataset",))
    now = timezone.now()
    for pk, slug, embeddings in live:
        count, built_at = builds.get(pk, (0, None))
        rows.add_metric([slug], embeddings)
        gone.add_metric([slug], removed.get(pk, 0))
        delta.add_metric([slug], max(0, embeddings - max(0, count - removed.get(pk, 0))))
        if built_at is not None:
            age.add_metric([slug], (now - built_at).total_seconds())
    yield from (rows, delta, gone, age)


def _published(pks: list[int]) -> dict[int, tuple[int, datetime | None]]:
    """Return how many vectors the generations of indexes hold, and when they were built."""
    last = IndexBuild.objects.filter(index__in=pks, state=IndexBuild.State.PUBLISHED).order_by()
    newest = list(last.values("index").annotate(newest=Max("pk")).values_list("newest", flat=True))
    found = IndexBuild.objects.filter(pk__in=newest).values_list("index", "manifest", "finished_at")
    return {index: (int(manifest.get("count", 0)), at) for index, manifest, at in found}


def _backups() -> Iterator[Metric]:
    last = Backup.objects.aggregate(last=Max("finished_at"))["last"]
    age = _gauge("backup_age_seconds", "Time since the last backup; no number before the first.")
    if last is not None:
        age.add_metric([], (timezone.now() - last).total_seconds())
    yield age


# each asks the database, and yields metrics
FAMILIES: tuple[Callable[[], Iterator[Metric]], ...] = (_totals, _jobs, _indexes, _backups)
