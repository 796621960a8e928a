"""The counters, histograms and gauges of a process, for Prometheus; docs/how-to/monitoring.md lists them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram
    from prometheus_client.metrics_core import Metric

# Seconds. A stage of a search takes parts of a millisecond; what waits for a large image, some seconds.
QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LONG = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0)

KINDS_OF_SEARCH: Final = ("file", "upload", "url", "image", "vector", "words", "text", "browse")
SEARCH_SOURCES: Final = ("page", "api")
SEARCH_OUTCOMES: Final = ("answered", "refused", "failed")
SEARCH_STAGES: Final = ("decode", "extract", "search", "rerank", "load", "total")
DECODE_SHARES: Final = ("small", "large", "process")
JOB_OUTCOMES: Final = ("succeeded", "failed", "cancelled", "retried", "worker_died")


class Measures:
    """Every counter, histogram and gauge, with those of its labels that are known."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, disable_created_metrics

        disable_created_metrics()
        self.registry = CollectorRegistry()
        self._of_searches()
        self._of_jobs()
        self._of_requests()
        self._of_images()

    def _of_searches(self) -> None:
        self._searches = self._counter(
            "searches_total", "Searches by who asked, by what, and how it ended.", "source", "kind", "outcome"
        )
        stages = self._histogram(
            "search_stage_seconds", "Time of each stage of a search that was answered.", QUICK, "stage"
        )
        self._search_stages = {name: stages.labels(name) for name in SEARCH_STAGES}
        for source in SEARCH_SOURCES:
            for kind in KINDS_OF_SEARCH:
                self._searches.labels(source, kind, "answered")
        self._failures = self._counter(
            "failures_total",
            "Errors by where they ended (search, request, job, file) and code.",
            "where",
            "code",
        )
        for where in ("search", "request", "job", "file"):
            self._failures.labels(where, "error")

    def _of_jobs(self) -> None:
        self._job_stages = self._histogram(
            "job_stage_seconds", "Time of each stage of imports and extractions, a batch at a time.", QUICK,
            "stage",
        )  # fmt: skip
        self._jobs = self._counter(
            "jobs_ended_total",
            "Jobs that ended, by kind and outcome; one that goes on later counts as retried or worker_died.",
            "kind", "outcome",
        )  # fmt: skip
        self._job_seconds = self._histogram(
            "job_duration_seconds", "Time of the last attempt of jobs that ended.", LONG, "kind"
        )
        self._schedule = self._counter(
            "scheduled_tasks_total", "Tasks of the schedule that a worker did.", "task"
        )
        self._disk = self._gauge(
            "disk_bytes", "What the parts of the state folder and the database take on disk.", "part",
            mode="mostrecent",
        )  # fmt: skip
        self._disk_measured = self._gauge(
            "disk_measured_timestamp_seconds", "When the sizes of the parts were last measured.",
            mode="mostrecent",
        )  # fmt: skip

    def _of_requests(self) -> None:
        self._requests = self._counter(
            "http_requests_total",
            "Requests by route, method and class of status.",
            "route",
            "method",
            "status",
        )
        self._request_seconds = self._histogram(
            "http_request_duration_seconds",
            "Time from when a request was there in full to its answer, waiting for a thread included.",
            QUICK, "route",
        )  # fmt: skip
        self.requests_waiting = self._gauge("http_requests_waiting", "Requests that wait for a thread.")
        self.requests_running = self._gauge("http_requests_in_progress", "Requests that a thread answers.")

    def _of_images(self) -> None:
        waiting = self._gauge(
            "decodes_waiting",
            "Images that wait to be decoded: for memory, that of small or of large ones, or for a process.",
            "for",
        )
        self._decodes_waiting = {share: waiting.labels(share) for share in DECODE_SHARES}
        running = self._gauge("decodes_in_progress", "Images that decoder processes work on.")
        memory = self._gauge(
            "decode_memory_bytes", "Memory for decoding that is in use, by size of the images.", "size"
        )
        self._decodes_use = {
            "small": memory.labels("small"), "large": memory.labels("large"), "process": running,
        }  # fmt: skip

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        from prometheus_client import Counter

        return Counter(f"semsearch_{name}", help_text, labels, registry=self.registry)

    def _histogram(self, name: str, help_text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        from prometheus_client import Histogram

        return Histogram(f"semsearch_{name}", help_text, labels, buckets=buckets, registry=self.registry)

    def _gauge(
        self, name: str, help_text: str, *labels: str, mode: Literal["livesum", "mostrecent"] = "livesum"
    ) -> Gauge:
        from prometheus_client import Gauge

        return Gauge(f"semsearch_{name}", help_text, labels, multiprocess_mode=mode, registry=self.registry)

    def search_ended(self, source: str, kind: str, outcome: str) -> None:
        """Count a search."""
        self._searches.labels(source, kind, outcome).inc()

    def search_stages(self, seconds: Mapping[str, float]) -> None:
        """Note how long the stages of an answered search took; one that took no time was left out."""
        for stage, spent in seconds.items():
            if spent:
                self._search_stages[stage].observe(spent)

    def job_stage(self, stage: str, seconds: float) -> None:
        """Note how long a stage took for one image or batch."""
        self._job_stages.labels(stage).observe(seconds)

    def job_ended(self, kind: str, outcome: str, seconds: float | None = None) -> None:
        """Count the end of a job, or of an attempt; its time where it has one."""
        self._jobs.labels(kind, outcome).inc()
        if seconds is not None:
            self._job_seconds.labels(kind).observe(seconds)

    def failed(self, where: str, code: str) -> None:
        """Count an error of a search, request, job or file."""
        self._failures.labels(where, code).inc()

    def request_ended(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request and note its time."""
        self._requests.labels(route, method, f"{status // 100}xx").inc()
        self._request_seconds.labels(route).observe(seconds)

    def task_done(self, task: str) -> None:
        """Count a task of the schedule."""
        self._schedule.labels(task).inc()

    def know_jobs(self, kinds: Iterable[str]) -> None:
        """Show zeros of kinds of job, so that the first one that ends is seen to be one more."""
        for kind in kinds:
            for outcome in JOB_OUTCOMES:
                self._jobs.labels(kind, outcome)
            self._job_seconds.labels(kind)

    def decodes_are(self, share: str, used: int, waiting: int) -> None:
        """Note how much is used of what decoding shares out, and how many wait for a part of it."""
        self._decodes_use[share].set(used)
        self._decodes_waiting[share].set(waiting)

    def disk_takes(self, sizes: Mapping[str, int]) -> None:
        """Note how many bytes the parts of the site take on disk now."""
        for part, size in sizes.items():
            self._disk.labels(part).set(size)
        self._disk_measured.set_to_current_time()

    def catalogue(self) -> list[Metric]:
        """Return every metric without its numbers."""
        from prometheus_client.metrics_core import Metric

        return [Metric(one.name, one.documentation, one.type) for one in self.registry.collect()]
