"""Jobs: claimed once, revived after a crash, cancelled, given up."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from celery.signals import worker_ready
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from gallery import jobs, tasks
from gallery.errors import SemsearchError
from gallery.ingest.removals import dataset_removal
from gallery.jobs import broker, coordination, file_retries, kinds, queueing, reviving
from gallery.models import Dataset, FailedFile, Job
from search import job_kinds
from tests.conftest import image_bytes
from tests.support.experiment_rows import stored_images
from tests.support.handlers import replaced

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def handled() -> Iterator[list[int]]:
    """Replace the index handler by one that notes the job and succeeds."""
    seen: list[int] = []

    def handler(run: jobs.JobRun) -> dict[str, Any]:
        seen.append(run.job.pk)
        run.begin(3, "working")
        return {"answer": 42}

    with replaced(job_kinds.INDEX, handler):
        yield seen


def queued(dataset: Dataset, **values: Any) -> Job:
    """Return a stored job."""
    return Job.objects.create(kind=job_kinds.INDEX, dataset=dataset, **values)


def test_a_message_that_comes_twice_does_the_work_once(dataset: Dataset, handled: list[int]) -> None:
    job = queued(dataset)
    first = jobs.perform(job.pk)
    assert first
    assert (first.state, first.result, first.done, first.total) == (Job.State.SUCCEEDED, {"answer": 42}, 3, 3)
    assert jobs.perform(job.pk) is None
    assert handled == [job.pk]


def test_a_request_adds_no_job_where_very_many_of_its_kind_wait(
    dataset: Dataset, staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_images(dataset, ["cats"])
    monkeypatch.setattr(queueing, "MOST_WAITING", 2)
    monkeypatch.setattr(broker, "send", lambda *_, **__: None)
    maps = partial(staff_client.post, "/api/v1/projections/", content_type="application/json")
    plan = {"dataset": "mine", "method": "umap", "models": ["efficientnet-lite2"]}
    asked = [plan | {"parameters": {"seed": seed}} for seed in (1, 2, 3)]
    assert [maps(one).status_code for one in asked] == [202, 202, 503]
    refused = maps(asked[2])
    assert refused.json()["error"]["code"] == "too_many_jobs"
    assert int(refused["Retry-After"]) > 0
    # the same once more makes none, another kind has room, and so has who is no request
    assert maps(asked[0]).status_code == 202
    assert staff_client.post("/api/v1/datasets/mine/words/").status_code == 202
    jobs.enqueue(job_kinds.PROJECT, dataset, seed=3)
    Job.objects.filter(kind=job_kinds.PROJECT).update(state=Job.State.RUNNING)
    assert maps(asked[2]).status_code == 202


def test_an_upload_is_refused_before_it_is_kept_where_very_many_wait(
    dataset: Dataset, staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queueing, "MOST_WAITING", 1)
    monkeypatch.setattr(broker, "send", lambda *_, **__: None)
    Job.objects.create(kind=jobs.IMPORT, dataset=dataset)
    sent = {"file": ContentFile(image_bytes(1), "one.png")}
    assert staff_client.post("/api/v1/datasets/mine/upload/", sent).status_code == 503
    form = {"archive": ContentFile(image_bytes(1), "one.png"), "name": "Another"}
    page = staff_client.post("/admin/gallery/dataset/upload/", form)
    assert page.context["form"].errors["archive"] == [
        "1 jobs of this kind wait: ask again when some have ended, or cancel some."
    ]
    assert (Dataset.objects.count(), Job.objects.count()) == (1, 1)
    assert not default_storage.exists("uploads") or default_storage.listdir("uploads") == ([], [])


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

    with replaced(job_kinds.INDEX, cancelled_on_the_way):
        ended = jobs.perform(queued(dataset).pk)
    assert ended
    assert (ended.state, ended.error) == (Job.State.CANCELLED, "")
    assert not jobs.cancel(ended.pk)


def test_an_upload_goes_with_its_import_also_when_that_never_began(dataset: Dataset) -> None:
    def waiting(**values: Any) -> Job:
        upload = default_storage.save("uploads/a.zip", ContentFile(b"zip"))
        parameters = {"upload": upload}
        return Job.objects.create(kind=jobs.IMPORT, dataset=dataset, parameters=parameters, **values)

    cancelled = waiting()
    dead = {
        "state": Job.State.RUNNING,
        "heartbeat_at": timezone.now() - 2 * reviving.STALE_AFTER,
        "worker": "x",
    }
    given_up, revived = (
        waiting(consecutive_failures=reviving.MAX_FAILURES - 1, **dead),
        waiting(consecutive_failures=1, **dead),
    )
    jobs.cancel(cancelled.pk)
    jobs.sweep()
    given_up.refresh_from_db()
    assert given_up.state == Job.State.FAILED
    kept = {f"uploads/{name}" for name in default_storage.listdir("uploads")[1]}
    assert kept == {job.parameters["upload"] for job in (given_up, revived)}, "either can go on"
    dataset_removal.remove_dataset(dataset)
    assert default_storage.listdir("uploads")[1] == []


@pytest.mark.parametrize(
    ("error", "words"), [(SemsearchError("Do this."), "Do this."), (KeyError("x"), "KeyError: 'x'")]
)
def test_a_failure_is_recorded_in_words(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def failing(run: jobs.JobRun) -> dict[str, Any]:
        raise error

    with replaced(job_kinds.INDEX, failing):
        ended = jobs.perform(queued(dataset).pk)
    assert ended
    assert (ended.state, ended.error) == (Job.State.FAILED, words)


def test_a_job_without_a_heartbeat_is_queued_again_and_given_up_after_several_deaths(
    dataset: Dataset,
) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    running = {"state": Job.State.RUNNING, "worker": "elsewhere:1:abc", "heartbeat_at": long_ago}
    once = queued(dataset, consecutive_failures=1, **running)
    often = queued(dataset, consecutive_failures=reviving.MAX_FAILURES - 1, **running)
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
    job = jobs.enqueue(job_kinds.INDEX, dataset)
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
    order = (job_kinds.EXPERIMENT, job_kinds.PROJECT, job_kinds.PROJECT, jobs.IMPORT)
    left = [jobs.enqueue_for_startup(kind, dataset).pk for kind in order]
    sent: list[tuple[int, int]] = []

    def noted(task: str, job_id: int, *, queue: str, priority: int) -> None:
        assert task == "gallery.tasks.run_job"
        sent.append((job_id, priority))

    monkeypatch.setattr(broker, "send", noted)
    assert jobs.sweep(at_start=True) == 4
    assert [pk for pk, _ in sent] == left
    experiment, project, _, imported = (priority for _, priority in sent)
    assert imported < experiment < project, "the broker hands out the smallest number first"


def test_a_job_of_a_kind_that_is_not_known_ends_in_words_and_holds_up_nobody(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, client: Client, staff_client: Client
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(broker, "send", lambda task, job_id, **_: sent.append(job_id))
    unknown = Job.objects.create(kind="dance", dataset=dataset)
    behind = queued(dataset)
    assert jobs.sweep(at_start=True) == 1
    assert sent == [behind.pk]
    unknown.refresh_from_db()
    assert (unknown.state, unknown.publish_count) == (Job.State.FAILED, 0)
    assert unknown.finished_at is not None
    assert "no kind of job called 'dance'" in unknown.error
    assert "run the version that queued the job" in unknown.error
    FailedFile.objects.create(job=unknown, name="a.png", code="not_found", reason="x")
    page = client.get(f"/jobs/{unknown.pk}/")
    assert page.status_code == 200
    assert "no kind of job called" in page.content.decode()
    assert not client.get(f"/api/v1/jobs/{unknown.pk}/").json()["retryable"]
    assert staff_client.post(f"/api/v1/jobs/{unknown.pk}/retry/").status_code == 409
    # the same job under a version that knows it
    monkeypatch.setitem(kinds._types, "dance", kinds.job_type(job_kinds.INDEX))
    assert jobs.retry(unknown.pk).state == Job.State.QUEUED


def test_jobs_of_a_kind_that_is_not_known_are_cancelled_given_up_and_removed_like_others(
    dataset: Dataset,
) -> None:
    long_ago = timezone.now() - file_retries.KEPT_FOR - timedelta(hours=1)
    waiting, running, failed = (
        Job.objects.create(kind="dance", dataset=dataset, **values)
        for values in (
            {},
            {
                "state": Job.State.RUNNING,
                "worker": "elsewhere:1:abc",
                "heartbeat_at": long_ago,
                "consecutive_failures": reviving.MAX_FAILURES - 1,
            },
            {"state": Job.State.FAILED, "finished_at": long_ago},
        )
    )
    assert jobs.cancel(waiting.pk)
    jobs.sweep()
    states = [Job.objects.get(pk=job.pk).state for job in (waiting, running, failed)]
    assert states == [Job.State.CANCELLED, Job.State.FAILED, Job.State.FAILED]
    assert file_retries.drop_old_sources() == 0
    begun = jobs.perform(Job.objects.create(kind="dance", dataset=dataset).pk)
    assert begun
    assert (begun.state, "no kind of job 'dance'" in begun.error) == (Job.State.FAILED, True)
    dataset_removal.remove_dataset(dataset)
    assert not Job.objects.exclude(kind=jobs.REMOVE).exists()


def test_a_worker_that_begins_notes_its_queues_and_takes_up_what_was_left(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(broker, "send", lambda task, job_id, **_: sent.append(job_id))
    monkeypatch.setattr(coordination, "subscribed_queues", frozenset(settings.JOB_QUEUES))
    pid = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(pid, 0)
    left = queued(
        dataset,
        state=Job.State.RUNNING,
        heartbeat_at=timezone.now(),
        worker=f"{socket.gethostname()}:{pid}:abc",
    )
    unknown = Job.objects.create(kind="dance", dataset=dataset)
    queues = SimpleNamespace(consume_from={"index": None, "project": None})

    class Consumer:
        app = SimpleNamespace(amqp=SimpleNamespace(queues=queues))

    answers = worker_ready.send(sender=Consumer())
    assert (tasks.revive_at_start, None) in answers
    assert coordination.subscribed_queues == {"index", "project"}
    assert sent == [left.pk]
    left.refresh_from_db()
    assert (left.state, left.consecutive_failures) == (Job.State.QUEUED, 1)
    assert Job.objects.get(pk=unknown.pk).state == Job.State.FAILED


def test_a_job_gives_way_to_what_is_due_and_not_to_what_rests(dataset: Dataset) -> None:
    now = timezone.now()
    urgent = queued(dataset, not_before=now + timedelta(minutes=1))
    patient = Job.objects.create(kind=job_kinds.PROJECT, dataset=dataset)
    run = jobs.claim(patient.pk)
    assert run
    run.gives_way = True
    run.give_way()
    for due in (None, now - timedelta(seconds=1)):
        Job.objects.filter(pk=urgent.pk).update(not_before=due)
        with pytest.raises(jobs.JobInterruptedError):
            run.give_way()


def test_a_job_whose_workers_died_rests_longer_each_time_and_progress_makes_up_for_it(
    dataset: Dataset, handled: list[int]
) -> None:
    job = queued(dataset)
    rests: list[float] = []
    for _ in range(3):
        assert jobs.claim(job.pk)
        Job.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now() - 2 * reviving.STALE_AFTER)
        jobs.sweep()
        job.refresh_from_db()
        rest = job.not_before - timezone.now() if job.not_before else timedelta()
        rests.append(round(rest.total_seconds()))
        assert job.state == Job.State.QUEUED
        if rest:
            assert jobs.perform(job.pk) is None, "it was begun before its time"
            Job.objects.filter(pk=job.pk).update(not_before=timezone.now())
    assert rests == [0, 10, 20]
    run = jobs.claim(job.pk)
    assert run
    run.begin(10, "")
    run.advance(1)
    job.refresh_from_db()
    assert (job.consecutive_failures, job.max_done) == (0, 1)


def test_an_error_that_may_pass_is_tried_again_and_failed_for_good_after_several(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(run: jobs.JobRun) -> dict[str, Any]:
        raise ConnectionResetError("the storage is away")

    job = queued(dataset)
    with replaced(job_kinds.INDEX, failing):
        for number in range(1, reviving.MAX_FAILURES):
            ended = jobs.perform(job.pk, tries_again=True)
            assert ended
            assert (ended.state, ended.consecutive_failures) == (Job.State.QUEUED, number)
            assert ended.not_before
            assert "the storage is away" in ended.message
            Job.objects.filter(pk=job.pk).update(not_before=None)
        ended = jobs.perform(job.pk, tries_again=True)
    assert ended
    assert ended.state == Job.State.FAILED
    assert ended.error == "ConnectionResetError: the storage is away"


def test_a_failed_job_can_be_tried_again_and_a_refused_one_cannot(
    dataset: Dataset, handled: list[int]
) -> None:
    failed = queued(
        dataset, state=Job.State.FAILED, error="x", consecutive_failures=5, finished_at=timezone.now()
    )
    FailedFile.objects.create(job=failed, name="a.jpg", code="x", reason="y")
    again = jobs.retry(failed.pk)
    assert (again.state, again.error, again.consecutive_failures, again.failed) == (
        Job.State.QUEUED,
        "",
        0,
        0,
    )
    ended = jobs.perform(failed.pk)
    assert ended
    assert ended.state == Job.State.SUCCEEDED
    for job in (ended, queued(dataset, state=Job.State.FAILED, final=True), queued(dataset)):
        with pytest.raises(jobs.NotRetryableError):
            jobs.retry(job.pk)


def test_the_source_of_a_failed_import_waits_for_another_attempt_but_not_for_ever(dataset: Dataset) -> None:
    upload = default_storage.save("uploads/a.zip", ContentFile(b"zip"))
    job = Job.objects.create(
        kind=jobs.IMPORT, dataset=dataset, parameters={"upload": upload}, state=Job.State.FAILED,
        finished_at=timezone.now() - file_retries.KEPT_FOR / 2,
    )  # fmt: skip
    assert file_retries.drop_old_sources() == 0
    assert default_storage.exists(upload)
    Job.objects.filter(pk=job.pk).update(
        finished_at=timezone.now() - file_retries.KEPT_FOR - timedelta(hours=1)
    )
    assert file_retries.drop_old_sources() == 1
    assert not default_storage.exists(upload)
    with pytest.raises(jobs.NotRetryableError, match="source is still there"):
        jobs.retry(job.pk)


def test_every_kind_of_job_has_a_queue_that_workers_take_from() -> None:
    queues = {kind: found.queue for kind, found in kinds.registered().items()}
    assert set(queues.values()) < set(settings.JOB_QUEUES)
    assert queues == {
        "import": "import",
        "remove": "index",
        "extract": "extract",
        "words": "extract",
        "index": "index",
        "promote": "index",
        "tune": "index",
        "verify": "index",
        "parts": "extract",
        "experiment": "project",
        "weights": "project",
        "project": "project",
    }


def test_a_kind_that_nobody_registered_is_refused_in_words_and_stored_nowhere(dataset: Dataset) -> None:
    with pytest.raises(kinds.UnknownKindError, match="no kind of job 'dance'; there are import"):
        jobs.enqueue("dance", dataset)
    with pytest.raises(ValidationError, match="dance"):
        Job(kind="dance", dataset=dataset).full_clean()
    assert not Job.objects.exists()


def test_a_job_bears_the_name_that_its_kind_was_registered_with(dataset: Dataset) -> None:
    job = Job.objects.create(kind=job_kinds.PROMOTE, dataset=dataset)
    assert job.get_kind_display() == "switch live search"
    assert str(job) == f"switch live search #{job.pk}"


def test_messages_name_tasks_that_workers_have() -> None:
    from semsearch_site.celery import app

    app.loader.import_default_modules()
    assert {broker.RUN_JOB, broker.HELP_JOB} <= set(app.tasks)


def test_a_job_is_announced_in_the_queue_of_its_kind(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(broker, "send", lambda *_, queue, **__: sent.append(queue))
    for kind in (jobs.IMPORT, job_kinds.EXTRACT, job_kinds.PROMOTE, job_kinds.EXPERIMENT):
        jobs.enqueue(kind, dataset)
    assert sent == ["import", "extract", "index", "project"]


def test_a_job_that_waits_long_is_announced_ever_less_often(dataset: Dataset) -> None:
    now = timezone.now()
    job = queued(dataset, dispatched_at=now - timedelta(seconds=30), publish_count=1)
    Job.objects.filter(pk=job.pk).update(created_at=now - timedelta(hours=1))
    assert [pk for pk, _ in reviving._forgotten(now, at_start=False)] == [job.pk]
    Job.objects.filter(pk=job.pk).update(publish_count=3)
    assert reviving._forgotten(now, at_start=False) == []
    later = now + timedelta(minutes=10)
    assert [pk for pk, _ in reviving._forgotten(later, at_start=False)] == [job.pk]
