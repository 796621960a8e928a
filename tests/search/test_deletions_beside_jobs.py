"""Images and datasets are deleted beside imports, extractions, builds, promotions, experiments and maps."""

from __future__ import annotations

from pathlib import Path

import pytest

from gallery import jobs
from gallery.jobs import broker
from gallery.models import Job
from search import job_kinds
from tests.support.deletions import Deletions, disagreements, lay_out, left_of

KINDS = (job_kinds.EXTRACT, job_kinds.INDEX, job_kinds.PROMOTE, job_kinds.EXPERIMENT, job_kinds.PROJECT)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("seed", "deletions"), [(1, 30), pytest.param(2, 300, marks=[pytest.mark.hostile, pytest.mark.slow])]
)
def test_no_job_fails_of_a_deletion_and_nothing_is_left_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, deletions: int
) -> None:
    monkeypatch.setattr(broker, "send", lambda *_, **__: None)
    run = Deletions(seed, deletions, lay_out(tmp_path / "folder"))
    run.run()
    assert run.wrong == []
    assert run.gone
    assert not Job.objects.exclude(state__in=(Job.State.SUCCEEDED, Job.State.CANCELLED)).exists()
    assert left_of(run.gone) == []
    assert disagreements() == []
    assert {kind for kind, _ in run.ended} >= {jobs.IMPORT, jobs.REMOVE, *KINDS}, run.ended
