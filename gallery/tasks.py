"""Celery's side of jobs: run one, sweep for forgotten ones."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down

from gallery import jobs


@shared_task(name="gallery.tasks.run_job")
def run_job(job_id: int) -> None:
    """Do the job if it is still to be done; safe to deliver twice."""
    jobs.perform(job_id, gives_way=True)


@shared_task(name="gallery.tasks.sweep_jobs")
def sweep_jobs() -> None:
    """Revive the jobs of dead workers."""
    jobs.sweep()


@worker_ready.connect
def revive_at_start(**_: Any) -> None:
    """Take up at once what a killed worker of this machine left behind."""
    jobs.sweep(at_start=True)


@worker_shutting_down.connect
def interrupt_at_end(**_: Any) -> None:
    """Put running jobs back in the queue, instead of being killed for them."""
    jobs.interrupt()
