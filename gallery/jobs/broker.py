"""Sends the messages that tell workers to look at a job, by the names of the tasks.

Nothing below the tasks imports them: a message is only a hint, and whoever takes it looks at the job's row.
"""

from __future__ import annotations

from celery import current_app
from kombu.exceptions import OperationalError

from gallery.jobs.kinds import job_type

RUN_JOB = "gallery.tasks.run_job"
HELP_JOB = "gallery.tasks.help_job"


class BrokerAwayError(Exception):
    """The message broker does not answer."""


def send_run(job_id: int, kind: str) -> None:
    """Tell the workers of a kind's queue that a job waits. Raises: BrokerAwayError."""
    of = job_type(kind)
    send(RUN_JOB, job_id, queue=of.queue, priority=of.priority)


def send_help(job_id: int, kind: str, *, expires_s: float) -> None:
    """Call one worker of a kind's queue to help with a job, soon or not at all. Raises: BrokerAwayError."""
    send(HELP_JOB, job_id, queue=job_type(kind).queue, expires_s=expires_s, retry=False)


def send(
    task: str,
    job_id: int,
    *,
    queue: str,
    priority: int = 0,
    expires_s: float | None = None,
    retry: bool = True,
) -> None:
    """Send one message; tests put something else in the place of this. Raises: BrokerAwayError."""
    try:
        current_app.send_task(
            task,
            (job_id,),
            queue=queue,
            priority=priority,
            expires=expires_s,
            retry=retry,
            ignore_result=True,
        )
    except OperationalError as error:
        raise BrokerAwayError(str(error)) from error
