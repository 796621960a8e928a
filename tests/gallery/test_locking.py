"""Locks that hold for every process on a database, and what relies on them."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection

from gallery import jobs
from gallery.models import Dataset
from gallery.system.concurrency.locking import exclusive_lock
from search import job_kinds
from search.features import feature_specs
from search.indexing import builds
from search.models import IndexBuild, SearchIndex
from tests.support.site import ROOT, environment, rows

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_lock_is_held_by_one_at_a_time_and_names_do_not_disturb_each_other() -> None:
    inside, most, counting = 0, 0, threading.Lock()

    def work(number: int) -> None:
        nonlocal inside, most
        with exclusive_lock("one of a kind"):
            with counting:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.05)
            with counting:
                inside -= 1
        connection.close()

    with exclusive_lock("another name"), ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert most == 1


def test_who_waits_for_a_lock_may_give_up() -> None:
    def give_up() -> None:
        raise InterruptedError

    def wait() -> None:
        try:
            with pytest.raises(InterruptedError), exclusive_lock("busy", waiting=give_up):
                raise AssertionError("two hold one lock")
        finally:
            connection.close()

    with exclusive_lock("busy"), ThreadPoolExecutor(1) as pool:
        pool.submit(wait).result()
    with exclusive_lock("busy"):
        pass


@pytest.mark.process
def test_several_that_migrate_a_new_database_at_once_do_not_collide(tmp_path: Path) -> None:
    home = tmp_path / "home"
    words = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    several = [
        subprocess.Popen(words, cwd=ROOT, env=environment(home), stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in several:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert rows(home, "SELECT count(*) FROM django_migrations GROUP BY app, name HAVING count(*) > 1") == []
    assert rows(home, "SELECT count(*) FROM gallery_image") == [(0,)]


def test_builds_of_one_index_follow_each_other_and_those_of_others_go_on(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Dataset.objects.create(slug="other", name="Other")
    indexes = [
        feature_specs.live_index(dataset),
        feature_specs.live_index(dataset),
        feature_specs.live_index(other),
    ]
    together, most, counting = 0, 0, threading.Lock()
    beside = threading.Event()

    def build(index: SearchIndex, run: object) -> IndexBuild:
        nonlocal together, most
        with counting:
            if index.dataset_id == dataset.pk:
                together += 1
                most = max(most, together)
        if index.dataset_id == dataset.pk:
            assert beside.wait(10), "the other dataset's build waits for this one"
            with counting:
                together -= 1
        else:
            beside.set()
        return IndexBuild(index=index)

    def rebuild(index: SearchIndex) -> None:
        try:
            builds.rebuild(index)
        finally:
            connection.close()

    monkeypatch.setattr(builds, "_rebuild", build)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(rebuild, indexes))
    assert most == 1


def test_jobs_that_build_and_compact_an_index_end_and_free_its_lock(dataset: Dataset) -> None:
    index = feature_specs.live_index(dataset)
    for parameters in ({}, {"compact": True}, {}):
        jobs.perform_now(job_kinds.INDEX, dataset, index=index.pk, **parameters)
    with exclusive_lock(f"index-{index.pk}", waiting=lambda: pytest.fail("the lock is still held")):
        pass
