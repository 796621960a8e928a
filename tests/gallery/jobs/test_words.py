"""What people read of jobs: what a kind does, and how many come first."""

from __future__ import annotations

import pytest
from django.test import Client

from gallery import job_labels, jobs
from gallery.jobs import queueing
from gallery.models import Job
from search import job_kinds


def test_every_kind_says_what_it_does() -> None:
    kinds = [jobs.IMPORT, jobs.REMOVE, *(kind for name, kind in vars(job_kinds).items() if name.isupper())]
    assert [kind for kind in kinds if not job_labels.about(kind)] == []


@pytest.mark.django_db
def test_what_somebody_waits_for_comes_before_what_is_older(client: Client) -> None:
    kinds = (job_kinds.PROJECT, job_kinds.EXPERIMENT, job_kinds.INDEX, job_kinds.INDEX)
    projected, computed, first, second = (Job.objects.create(kind=kind) for kind in kinds)
    assert [queueing.ahead_of(job) for job in (first, second, computed, projected)] == [0, 1, 2, 3]
    assert "It is the next." in client.get(first.get_absolute_url()).content.decode()
    assert "3 jobs come before it." in client.get(projected.get_absolute_url()).content.decode()
    Job.objects.filter(pk=second.pk).update(state=Job.State.RUNNING)
    second.refresh_from_db()
    assert queueing.ahead_of(second) == 0
