"""Long work as `Job` rows: queued, claimed, done with a heartbeat, shared out, ended, revived."""

from __future__ import annotations

from gallery.jobs.kinds import PATIENT, QUEUES, register
from gallery.jobs.queueing import NotRetryableError, announce, cancel, enqueue, leave, retry, retryable
from gallery.jobs.reviving import sweep
from gallery.jobs.running import (
    JobInterruptedError,
    JobRun,
    JobStoppedError,
    claim,
    interrupt,
    perform,
    perform_now,
)

__all__ = [
    "PATIENT",
    "QUEUES",
    "JobInterruptedError",
    "JobRun",
    "JobStoppedError",
    "NotRetryableError",
    "announce",
    "cancel",
    "claim",
    "enqueue",
    "interrupt",
    "leave",
    "perform",
    "perform_now",
    "register",
    "retry",
    "retryable",
    "sweep",
]
