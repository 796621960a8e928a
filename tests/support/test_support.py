"""What the tests stand on: states that are copied, pieces that workers take, failures told at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.core import serializers
from django.db import connection

from gallery.models import Category, Dataset, Image
from search.models import Embedding, SearchIndex
from tests.support import plan, services

FAILING = """
import time

def test_fails():
    assert 1 == 2

def test_waits():
    time.sleep(30)
"""


def state() -> tuple[str, set[Path]]:
    """Return all rows as text and the names of all files."""
    media = Path(settings.MEDIA_ROOT)
    models = (Dataset, Category, Image, Embedding, SearchIndex)
    rows = [row for model in models for row in model._default_manager.order_by("pk")]
    files = {path.relative_to(media) for path in media.rglob("*") if path.is_file()}
    return serializers.serialize("json", rows), files


THEN = datetime(2026, 1, 1, tzinfo=UTC)
BUILT: list[tuple[str, set[Path]]] = []


@pytest.mark.django_db
@pytest.mark.parametrize("turn", ["first", "second"])
def test_a_copied_state_is_the_one_that_was_built(turn: str, sample_dataset: Callable[..., Dataset]) -> None:
    dataset = sample_dataset(count=1, categories=2)
    Dataset.objects.update(created_at=THEN)  # a copy has a date of its own
    BUILT.append(state())
    assert BUILT[-1] == BUILT[0]
    assert (dataset.images.count(), dataset.categories.count()) == (2, 2)
    assert dataset.revision == dataset.current_revision() > 0
    # what comes next gets a key of its own
    assert Dataset.objects.create(slug="next", name="Next").pk > dataset.pk


def test_a_worker_takes_a_file_at_a_time_and_all_that_share_a_server() -> None:
    assert plan.piece("tests/gallery/test_grid.py::test_one[a::b]") == "tests/gallery/test_grid.py"
    assert plan.piece("tests/process/test_damage.py::test_one") == plan.piece(
        "tests/process/test_serve.py::test_one"
    )
    assert plan.piece("tests/search/maps/test_jobs.py::test_one") == "maps"
    assert plan.piece("tests/search/index/test_milvus_search.py::test_one") == "milvus"


def test_a_failure_is_told_before_the_run_is_over(tmp_path: Path) -> None:
    (tmp_path / "test_failing.py").write_text(FAILING)
    words = ["-p", "tests.support.plan", "-p", "no:django", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *words, str(tmp_path)],
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    try:
        told = next(line for line in run.stdout if line.startswith("FAILED"))
    finally:
        run.kill()
        run.wait()
        run.stdout.close()
    assert told == "FAILED test_failing.py::test_fails (call): assert 1 == 2\n"


@pytest.mark.django_db
def test_the_suite_runs_on_the_services_that_were_asked_for() -> None:
    on_servers = os.environ.get("SEMSEARCH_TEST_SERVICES") == "servers"
    assert connection.vendor == ("postgresql" if on_servers else "sqlite")
    assert bool(settings.REDIS_URL) == on_servers
    assert services.embedded() != on_servers
