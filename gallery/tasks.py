"""Celery's side of jobs: run one, assist with one, sweep for forgotten ones, and what beat asks for."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.conf import settings
from django.db import connection

from gallery import jobs
from gallery.access import audit
from gallery.ingest.removals import dataset_removal
from gallery.jobs import broker, coordination, file_retries, heartbeat, kinds
from gallery.models import Job
from gallery.system import log_context, outages
from gallery.system.home import disk_space, disk_use
from gallery.system.measuring import measures

logger = logging.getLogger(__name__)


@shared_task(name=broker.RUN_JOB)
def run_job(job_id: int) -> None:
    """Do the job if it is still to be done; safe to deliver twice."""
    outages.persistently(partial(jobs.perform, job_id, gives_way=True, tries_again=True), heartbeat.ending)


@shared_task(name=broker.HELP_JOB, acks_late=False)
def help_job(job_id: int) -> None:
    """Do work units of a job that another worker coordinates, unless this process works at it already."""
    if coordination.is_active_here(job_id) or disk_space.is_low():
        return
    with outages.left_for_later():
        _help(job_id)


def _help(job_id: int) -> None:
    job = Job.objects.select_related("dataset").filter(pk=job_id, state__in=Job.ACTIVE).first()
    found = kinds.find_type(job.kind) if job is not None else None
    if job is not None and found is not None and found.helper is not None:
        try:
            with log_context.of_job(job.pk, job.request_id):
                found.helper(job)
        except Exception as error:
            if Job.objects.filter(pk=job_id, state__in=Job.ACTIVE).exists():
                raise
            # it was cancelled, or deleted with its dataset, under the helper
            logger.info("Helps no more with job %s, and met %s.", job_id, type(error).__name__)


@shared_task(name="gallery.tasks.sweep_jobs", acks_late=False)
def sweep_jobs() -> None:
    """Revive the jobs of dead workers, and take up removals of datasets that ended too early."""
    _sweep()
    with outages.left_for_later():
        dataset_removal.take_up()
        measures.here().task_done("sweep_jobs")


@shared_task(name="gallery.tasks.retry_failed_files", acks_late=False)
def retry_failed_files() -> None:
    """Try files again whose reason may have passed; forget what failed jobs kept too long."""
    with outages.left_for_later():
        if not disk_space.is_low():
            file_retries.retry_passing_failures()
        file_retries.drop_old_sources()
        measures.here().task_done("retry_failed_files")


@shared_task(name="gallery.tasks.measure_disk", acks_late=False)
def measure_disk() -> None:
    """Measure what the parts of the site take on disk."""
    with outages.left_for_later():
        measures.here().disk_takes(disk_use.measured(settings.SEMSEARCH_HOME))


@shared_task(name="gallery.tasks.prune_audit", acks_late=False)
def prune_audit() -> None:
    """Remove what the audit keeps no longer."""
    if settings.AUDIT_KEEP_DAYS > 0:
        with outages.left_for_later():
            audit.prune(settings.AUDIT_KEEP_DAYS)


@worker_ready.connect
def revive_at_start(sender: Any = None, **_: Any) -> None:
    """Take up at once what a killed worker of this machine left behind."""
    logger.info("The worker is ready.")
    if sender is not None:
        coordination.subscribed_queues = frozenset(sender.app.amqp.queues.consume_from)
    _sweep()
    threading.Thread(target=_measure_disk_once, daemon=True, name="disk").start()


def _measure_disk_once() -> None:
    try:
        measure_disk()
    finally:
        connection.close()


# whether this process has looked at what was left before its start; the database may be away then
_looked_at_start = threading.Event()


def _sweep() -> None:
    with outages.left_for_later():
        jobs.sweep(at_start=not _looked_at_start.is_set(), messages_lost=broker.has_forgotten())
        _looked_at_start.set()


@worker_shutting_down.connect
def interrupt_at_end(**_: Any) -> None:
    """Put running jobs back in the queue, instead of being killed for them."""
    jobs.interrupt()
