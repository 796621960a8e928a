"""Sends the messages that tell workers to look at a job, by the names of the tasks.

Nothing below the tasks imports them: a message is only a hint, and whoever takes it looks at the job's row.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from django.conf import settings

from gallery.jobs.kinds import job_type
from gallery.system import outages

RUN_JOB = "gallery.tasks.run_job"
HELP_JOB = "gallery.tasks.help_job"


# one that does not answer is not asked again so soon: whoever sends many messages would wait for each
LEFT_ALONE_S = 1.0
# stands in the broker as long as it keeps its messages
KNOWN = "semsearch:messages-kept"

_asked_again_at = 0.0


class BrokerAwayError(Exception):
    """The message broker does not answer."""


def send_run(job_id: int, kind: str) -> None:
    """Tell the workers of a kind's queue that a job waits. Raises: BrokerAwayError."""
    of = job_type(kind)
    send(RUN_JOB, job_id, queue=of.queue, priority=of.priority)


def send_help(job_id: int, kind: str, *, expires_s: float) -> None:
    """Call one worker of a kind's queue to help with a job, soon or not at all. Raises: BrokerAwayError."""
    send(HELP_JOB, job_id, queue=job_type(kind).queue, expires_s=expires_s)


def send(task: str, job_id: int, *, queue: str, priority: int = 0, expires_s: float | None = None) -> None:
    """Send one message; tests put something else in the place of this. Raises: BrokerAwayError."""
    from kombu.exceptions import OperationalError

    global _asked_again_at
    if time.monotonic() < _asked_again_at:
        raise BrokerAwayError("It did not answer a moment ago.")
    try:
        _application().send_task(
            task,
            (job_id,),
            queue=queue,
            priority=priority,
            expires=expires_s,
            ignore_result=True,
        )
    except OperationalError as error:
        _asked_again_at = time.monotonic() + LEFT_ALONE_S
        outages.BROKER.began(error)
        raise BrokerAwayError(str(error)) from error
    outages.BROKER.ended()


def has_forgotten() -> bool:
    """Whether the broker has lost all messages since this was asked last, by any process.

    One that keeps its queue in memory, as that of `serve`, loses it when it is started anew.
    """
    try:
        with _application().pool.acquire(block=True) as connection:
            client: Any = getattr(connection.default_channel, "client", None)  # Redis and Valkey have one
            return client is not None and bool(client.set(KNOWN, 1, nx=True))
    except Exception as error:
        if not is_away(error):
            raise
        outages.BROKER.began(error)
        return False


def _application() -> Any:
    """Return the Celery application, which is loaded with the first message: most commands send none."""
    return import_module(settings.TASK_APPLICATION).app


def is_away(error: BaseException | None) -> bool:
    """Whether an error, or what led to it, says that the broker does not answer or does not take messages."""
    from kombu.exceptions import OperationalError
    from redis.exceptions import RedisError

    while error is not None:
        if isinstance(error, (OperationalError, RedisError, OSError)):
            return True
        error = error.__cause__ or error.__context__
    return False
