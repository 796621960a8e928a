"""What the site tells of itself to Prometheus, and that documents, alerts and dashboard name nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from gallery import jobs
from gallery.access import policies
from gallery.errors import NotFoundError
from gallery.jobs import kinds
from gallery.models import Backup, Dataset, Job
from gallery.system.home import disk_use
from gallery.system.measuring import measures, seats
from gallery.system.measuring.prometheus_metrics import Measures
from search.live import query as live_query
from search.models import IndexBuild, RemovedEmbedding, SearchIndex
from semsearch_site.monitoring import metrics_of_rows
from tests.conftest import image_bytes
from tests.support.experiment_rows import feature_spec

ROOT = Path(__file__).resolve().parents[2]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def told(client: Client) -> Samples:
    """Return every number of `/metrics` by its name and labels."""
    text = client.get("/metrics").content.decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    """Return one number, 0 where there is none."""
    return samples.get((f"semsearch_{name}", frozenset(labels.items())), 0.0)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measures:
    """Let this process begin to measure anew."""
    monkeypatch.setattr(measures, "_measures", None)
    monkeypatch.setattr(metrics_of_rows, "_ended", (0.0, {}))
    return measures.here()


@pytest.fixture
def indexed_numbers(dataset: Dataset) -> Dataset:
    """Return a dataset with an index of 12 rows, whose generation holds 10, one of them removed."""
    index = SearchIndex.objects.create(dataset=dataset, spec=feature_spec(), live=True)
    SearchIndex.objects.filter(pk=index.pk).update(embeddings=12)
    IndexBuild.objects.create(index=index, state="published", manifest={"count": 99}, generation="g1")
    IndexBuild.objects.create(
        index=index, state="published", generation="g2", manifest={"count": 10},
        finished_at=timezone.now() - timedelta(hours=1),
    )  # fmt: skip
    RemovedEmbedding.objects.create(embedding_id=1, index=index)
    return dataset


def test_searches_are_counted_by_source_kind_and_outcome_with_the_time_of_their_stages(
    measured: Measures, client: Client, db: None
) -> None:
    data = image_bytes(1)
    for source, header in (("page", "same-origin"), ("api", "cross-site"), ("api", "")):
        headers = {"Sec-Fetch-Site": header} if header else {}
        answer = client.post("/api/v1/search/", {"image": 1}, "application/json", headers=headers)
        assert answer.status_code == 404, source
    with pytest.raises(NotFoundError):
        live_query.search(live_query.SearchRequest(data=data, dataset="nothing"))
    samples = told(client)
    assert of(samples, "searches_total", source="page", kind="image", outcome="refused") == 1
    assert of(samples, "searches_total", source="api", kind="image", outcome="refused") == 2
    assert of(samples, "searches_total", source="api", kind="file", outcome="refused") == 1
    assert of(samples, "failures_total", where="search", code="not_found") == 4
    assert of(samples, "failures_total", where="request", code="not_found") == 3
    measured.search_stages({"decode": 0.003, "rerank": 0.0, "total": 0.02})
    samples = told(client)
    assert of(samples, "search_stage_seconds_bucket", stage="decode", le="0.0025") == 0
    assert of(samples, "search_stage_seconds_bucket", stage="decode", le="0.005") == 1
    assert of(samples, "search_stage_seconds_sum", stage="total") == pytest.approx(0.02)
    assert of(samples, "search_stage_seconds_count", stage="rerank") == 0, "it took no time: left out"


def test_jobs_are_counted_by_kind_and_outcome_and_the_queue_has_a_length_and_an_age(
    measured: Measures, client: Client, dataset: Dataset, without_broker: None
) -> None:
    jobs.enqueue_for_startup(jobs.IMPORT, dataset, path="/nowhere")
    waits = jobs.enqueue_for_startup(jobs.IMPORT, dataset, path="/nowhere/else")
    Job.objects.filter(pk=waits.pk).update(created_at="2026-01-01T00:00:00Z")
    failing = jobs.enqueue_for_startup(jobs.IMPORT, dataset, path="/nowhere/at/all")
    assert jobs.perform(failing.pk) is not None
    cancelled = jobs.enqueue_for_startup(jobs.IMPORT, dataset, path="/nowhere/too")
    assert jobs.cancel(cancelled.pk)
    samples = told(client)
    queue = kinds.job_type(jobs.IMPORT).queue
    assert of(samples, "jobs_ended_total", kind="import", outcome="failed") == 1
    assert of(samples, "jobs_ended_total", kind="import", outcome="cancelled") == 1
    assert of(samples, "job_duration_seconds_count", kind="import") == 1
    assert of(samples, "queue_jobs", queue=queue) == 2
    assert of(samples, "queue_oldest_job_age_seconds", queue=queue) > 86_400
    assert of(samples, "queue_oldest_job_age_seconds", queue="project") == 0
    assert of(samples, "jobs", state="queued") == 2
    assert of(samples, "jobs", state="failed") == 1


def test_the_numbers_of_indexes_are_those_of_their_generation_and_of_what_came_since(
    measured: Measures, client: Client, indexed_numbers: Dataset
) -> None:
    samples = told(client)
    assert of(samples, "index_rows", dataset="mine") == 12
    assert of(samples, "index_delta_rows", dataset="mine") == 12 - (10 - 1)
    assert of(samples, "index_removed_rows", dataset="mine") == 1
    assert of(samples, "index_generation_age_seconds", dataset="mine") == pytest.approx(3600, abs=600)


def test_the_age_of_the_last_backup_is_told_once_there_is_one(
    measured: Measures, client: Client, db: None
) -> None:
    key = "semsearch_backup_age_seconds", frozenset[tuple[str, str]]()
    assert key not in told(client)
    for hours in (30, 2):
        Backup.objects.create(
            name="a", version="1", size_bytes=1, images=1, embeddings=1, with_originals=True,
            with_derived=False, seconds=1.0, finished_at=timezone.now() - timedelta(hours=hours),
        )  # fmt: skip
    assert told(client)[key] == pytest.approx(2 * 3600, abs=600)


def test_without_its_database_the_site_still_tells_what_its_processes_measure(
    measured: Measures, client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Iterator[Any]:
        raise OperationalError("no server")

    def never() -> Iterator[Any]:
        raise AssertionError("it would wait for the database in turn")

    monkeypatch.setattr(metrics_of_rows, "FAMILIES", (away, never))
    samples = told(client)
    assert of(samples, "metrics_incomplete") == 1
    assert ("semsearch_disk_free_bytes", frozenset()) in samples


def test_metrics_follow_the_rule_of_reading() -> None:
    assert policies.TABLE["metrics"].rule == policies.Rule.READ  # type: ignore[union-attr]


PROCESS = """
    import os, sys
    from pathlib import Path
    from gallery.system.measuring import measures, seats
    folder = Path(sys.argv[1])
    measures.share(folder, sys.argv[2])
    here = measures.here()
    here.search_ended("api", "file", "answered")
    here.requests_waiting.set(3)
    here.search_stages({"total": 0.5})
    print(seats.holders(folder)[-1].seat, flush=True)
    sys.stdin.read()
    os._exit(9)
"""


def started(folder: Path, role: str) -> subprocess.Popen[str]:
    """Start a process that measures something, and wait until it has."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROCESS), str(folder), role],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_numbers_of_all_processes_are_added_up_and_gauges_end_with_their_process(tmp_path: Path) -> None:
    """One more process reads what two have measured, one of which has died, and a third takes its seat."""
    first, second = started(tmp_path, "web"), started(tmp_path, "web")
    try:
        assert {holder.seat for holder in seats.holders(tmp_path)} == {"web-0", "web-1"}
        assert read(tmp_path) == {"searches": 2, "waiting": 6, "stages": 1.0}
        first.communicate()
        assert [holder.pid for holder in seats.holders(tmp_path)] == [second.pid]
        assert read(tmp_path) == {"searches": 2, "waiting": 3, "stages": 1.0}, "counters stay"
        third = started(tmp_path, "web")
        assert [holder.pid for holder in seats.holders(tmp_path)] == [third.pid, second.pid]
        assert read(tmp_path) == {"searches": 3, "waiting": 6, "stages": 1.5}, "its seat goes on"
        third.communicate()
    finally:
        second.communicate()
    measures.clean(tmp_path)
    assert list(tmp_path.iterdir()) == []


def read(folder: Path) -> dict[str, float]:
    """Return three numbers as a process that shares them would tell them."""
    program = """
        import sys, json
        from pathlib import Path
        from gallery.system.measuring import measures, prometheus_metrics
        measures._folder = Path(sys.argv[1])
        found = {(s.name, tuple(s.labels.values())): s.value for f in measures.families() for s in f.samples}
        print(json.dumps({
            "searches": found["semsearch_searches_total", ("file", "answered", "api")],
            "waiting": found["semsearch_http_requests_waiting", ()],
            "stages": found["semsearch_search_stage_seconds_sum", ("total",)],
        }))
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    numbers: dict[str, float] = json.loads(done.stdout)
    return numbers


def test_all_that_a_process_can_measure_fits_into_what_is_reserved_for_it(tmp_path: Path) -> None:
    """A file that grew on a full disk would end its process."""
    program = """
        import sys
        from pathlib import Path
        import django; django.setup()
        from gallery.access import policies
        from gallery.jobs import kinds
        from gallery.system.measuring import measures, prometheus_metrics
        folder = Path(sys.argv[1])
        measures.share(folder, "web")
        here = measures.here()
        here.know_jobs(kinds.registered())
        for source in prometheus_metrics.SEARCH_SOURCES:
            for kind in prometheus_metrics.KINDS_OF_SEARCH:
                for outcome in prometheus_metrics.SEARCH_OUTCOMES:
                    here.search_ended(source, kind, outcome)
        for route in policies.TABLE:
            for method in ("GET", "POST"):
                for status in (200, 300, 400, 500):
                    here.request_ended(route, method, status, 0.1)
        for code in range(100):
            for where in ("search", "request", "job", "file"):
                here.failed(where, f"some_code_of_ours_{code}")
        for stage in range(20):
            here.job_stage(f"stage-{stage}", 0.1)
        for path in folder.glob("*.db"):
            kind = path.name.rpartition("_")[0]
            assert path.stat().st_size == measures.RESERVED_BYTES[kind], (path, path.stat().st_size)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)


def test_what_lies_on_the_disk_is_told_by_its_parts(db: None, tmp_path: Path) -> None:
    for name, size in (("media/images/1/ab/x.png", 5000), ("media/strange/y", 9000), ("indexes/1-1/g", 4096)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "semsearch.sqlite3-wal").write_bytes(b"x" * 100)
    sizes = disk_use.measured(tmp_path)
    assert set(sizes) == {"images", "other", "indexes", "database"}
    assert 5000 <= sizes["images"] < 5000 + 8192
    assert 4096 <= sizes["indexes"] < 4096 + 8192


def families(client: Client) -> dict[str, tuple[str, str]]:
    """Return type and help of every metric that the site tells."""
    text = client.get("/metrics").content.decode()
    found = text_string_to_metric_families(text)
    names = {one.name + ("_total" if one.type == "counter" else ""): one for one in found}
    return {name: (one.type, one.documentation) for name, one in names.items()}


def test_the_document_lists_every_metric(measured: Measures, client: Client, db: None) -> None:
    rows = re.findall(
        r"^\| `(semsearch_\w+)` \| (\w+) \| (.+) \|$", (ROOT / "docs/how-to/monitoring.md").read_text(), re.M
    )
    assert {name: (kind, words) for name, kind, words in rows} == families(client)


def named(expression: str) -> set[str]:
    """Return the metrics that an expression of Prometheus names, without the endings of histograms."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bsemsearch_\w+", expression)}


def alert_rules() -> list[dict[str, Any]]:
    """Return the alerts that are shipped."""
    (group,) = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def alerts_name() -> set[str]:
    """Return every metric that an alert names."""
    return set().union(*(named(rule["expr"]) for rule in alert_rules()))


def test_every_alert_names_metrics_that_there_are_and_says_what_to_do(
    measured: Measures, client: Client, db: None
) -> None:
    there = set(families(client))
    rules = alert_rules()
    for rule in rules:
        assert named(rule["expr"]) <= there, rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]
        assert len(rule["annotations"]["description"]) > 40, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
    assert len({rule["alert"] for rule in rules}) == len(rules)


def test_every_panel_names_metrics_that_there_are(measured: Measures, client: Client, db: None) -> None:
    there = set(families(client))
    dashboard = json.loads((ROOT / "deploy/grafana/semsearch.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    for panel in panels:
        expressions = [target["expr"] for target in panel["targets"]]
        assert all(named(one) and named(one) <= there for one in expressions), panel["title"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    shown = set().union(*(named(target["expr"]) for panel in panels for target in panel["targets"]))
    assert len(there - shown) < 12, there - shown
