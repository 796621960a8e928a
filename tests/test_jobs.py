"""Jobs: claimed once, revived after a crash, cancelled, given up."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from gallery import jobs, removing
from gallery.errors import SemsearchError
from gallery.models import Dataset, FailedFile, Job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace the index handler by one that notes the job and succeeds."""
    seen: list[int] = []

    def handler(run: jobs.JobRun) -> dict[str, Any]:
        seen.append(run.job.pk)
        run.begin(3, "working")
        return {"answer": 42}

    monkeypatch.setitem(jobs._handlers, Job.Kind.INDEX, handler)
    return seen


def queued(dataset: Dataset, **values: Any) -> Job:
    """Return a stored job."""
    return Job.objects.create(kind=Job.Kind.INDEX, dataset=dataset, **values)


def test_a_message_that_comes_twice_does_the_work_once(dataset: Dataset, handled: list[int]) -> None:
    job = queued(dataset)
    first = jobs.perform(job.pk)
    assert first
    assert (first.state, first.result, first.done, first.total) == (Job.State.SUCCEEDED, {"answer": 42}, 3, 3)
    assert jobs.perform(job.pk) is None
    assert handled == [job.pk]


def test_a_cancelled_job_is_not_begun_and_a_running_one_stops(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = queued(dataset)
    assert jobs.cancel(waiting.pk)
    assert jobs.perform(waiting.pk) is None

    def cancelled_on_the_way(run: jobs.JobRun) -> dict[str, Any]:
        jobs.cancel(run.job.pk)
        run.touch(done=1)
        raise AssertionError("a cancelled job went on")

    monkeypatch.setitem(jobs._handlers, Job.Kind.INDEX, cancelled_on_the_way)
    ended = jobs.perform(queued(dataset).pk)
    assert ended
    assert (ended.state, ended.error) == (Job.State.CANCELLED, "")
    assert not jobs.cancel(ended.pk)


def test_an_upload_goes_with_its_import_also_when_that_never_began(dataset: Dataset) -> None:
    def waiting(**values: Any) -> Job:
        upload = default_storage.save("uploads/a.zip", ContentFile(b"zip"))
        parameters = {"upload": upload}
        return Job.objects.create(kind=Job.Kind.IMPORT, dataset=dataset, parameters=parameters, **values)

    cancelled = waiting()
    dead = {"state": Job.State.RUNNING, "heartbeat_at": timezone.now() - 2 * jobs.STALE_AFTER, "worker": "x"}
    given_up, revived = waiting(attempts=jobs.MAX_ATTEMPTS, **dead), waiting(attempts=1, **dead)
    jobs.cancel(cancelled.pk)
    jobs.sweep()
    (kept,) = default_storage.listdir("uploads")[1]
    assert revived.parameters["upload"] == f"uploads/{kept}"
    given_up.refresh_from_db()
    assert given_up.state == Job.State.FAILED
    removing.remove_dataset(dataset)
    assert default_storage.listdir("uploads")[1] == []


@pytest.mark.parametrize(
    ("error", "words"), [(SemsearchError("Do this."), "Do this."), (KeyError("x"), "KeyError: 'x'")]
)
def test_a_failure_is_recorded_in_words(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def failing(run: jobs.JobRun) -> dict[str, Any]:
        raise error

    monkeypatch.setitem(jobs._handlers, Job.Kind.INDEX, failing)
    ended = jobs.perform(queued(dataset).pk)
    assert ended
    assert (ended.state, ended.error) == (Job.State.FAILED, words)


def test_a_job_without_a_heartbeat_is_queued_again_and_given_up_after_several_deaths(
    dataset: Dataset,
) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    running = {"state": Job.State.RUNNING, "worker": "elsewhere:1:abc", "heartbeat_at": long_ago}
    once = queued(dataset, attempts=1, **running)
    often = queued(dataset, attempts=jobs.MAX_ATTEMPTS, **running)
    alive = queued(dataset, **(running | {"heartbeat_at": timezone.now()}))
    jobs.sweep()
    states = [Job.objects.get(pk=job.pk).state for job in (once, often, alive)]
    assert states == [Job.State.QUEUED, Job.State.FAILED, Job.State.RUNNING]


def test_a_starting_worker_takes_up_what_a_dead_process_of_its_machine_left(dataset: Dataset) -> None:
    dead = os.spawnlp(os.P_WAIT, "true", "true")
    assert dead == 0
    pid = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(pid, 0)
    mine = {"state": Job.State.RUNNING, "heartbeat_at": timezone.now()}
    left = queued(dataset, worker=f"{socket.gethostname()}:{pid}:abc", **mine)
    held = queued(dataset, worker=f"{socket.gethostname()}:{os.getpid()}:abc", **mine)
    jobs.sweep(at_start=True)
    assert Job.objects.get(pk=left.pk).state == Job.State.QUEUED
    assert Job.objects.get(pk=held.pk).state == Job.State.RUNNING


def test_a_worker_that_lost_its_job_cannot_change_it(dataset: Dataset) -> None:
    run = jobs.claim(queued(dataset).pk)
    assert run
    Job.objects.filter(pk=run.job.pk).update(worker="another:1:abc")
    with pytest.raises(jobs.JobStoppedError):
        run.touch(done=5)
    run.finish(Job.State.SUCCEEDED, result={})
    assert Job.objects.get(pk=run.job.pk).state == Job.State.RUNNING


def test_without_a_broker_a_job_waits_and_says_so(dataset: Dataset, without_broker: None) -> None:
    job = jobs.enqueue(Job.Kind.INDEX, dataset)
    stored = Job.objects.get(pk=job.pk)
    assert (stored.state, stored.message) == (Job.State.QUEUED, "Waiting for the message broker.")


def test_a_file_that_fails_twice_in_one_job_is_listed_once(dataset: Dataset) -> None:
    run = jobs.claim(queued(dataset).pk)
    assert run
    for _ in range(2):
        run.fail_file("a.jpg", SemsearchError("It is torn."))
    assert FailedFile.objects.filter(job=run.job).count() == 1


def test_what_was_left_is_announced_in_its_order_and_after_what_people_wait_for(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = (Job.Kind.EXPERIMENT, Job.Kind.PROJECT, Job.Kind.PROJECT, Job.Kind.IMPORT)
    left = [jobs.leave(kind, dataset).pk for kind in kinds]
    sent: list[tuple[int, int]] = []

    def noted(values: tuple[int], priority: int) -> None:
        sent.append((values[0], priority))

    monkeypatch.setattr("gallery.tasks.run_job.apply_async", noted)
    assert jobs.sweep(at_start=True) == 4
    assert [pk for pk, _ in sent] == left
    experiment, project, _, imported = (priority for _, priority in sent)
    assert imported < experiment < project, "the broker hands out the smallest number first"
