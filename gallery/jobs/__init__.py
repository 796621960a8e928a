"""Long work as `Job` rows: queued, claimed, done with a heartbeat, shared out, ended, revived."""

from __future__ import annotations

from gallery.jobs.claimed import ClaimedJob, claim
from gallery.jobs.errors import JobInterruptedError, JobStoppedError, NotRetryableError
from gallery.jobs.heartbeat import interrupt
from gallery.jobs.kinds import IMPORT, REMOVE, JobRun, SourceKept, register
from gallery.jobs.queueing import (
    call_hooks,
    cancel,
    end_with_dataset,
    enqueue,
    enqueue_for_startup,
    find_same,
    publish,
    require_room,
    retry,
    retryable,
)
from gallery.jobs.reviving import sweep
from gallery.jobs.running import perform, perform_at_once, perform_now

__all__ = [
    "IMPORT",
    "REMOVE",
    "ClaimedJob",
    "JobInterruptedError",
    "JobRun",
    "JobStoppedError",
    "NotRetryableError",
    "SourceKept",
    "call_hooks",
    "cancel",
    "claim",
    "end_with_dataset",
    "enqueue",
    "enqueue_for_startup",
    "find_same",
    "interrupt",
    "perform",
    "perform_at_once",
    "perform_now",
    "publish",
    "register",
    "require_room",
    "retry",
    "retryable",
    "sweep",
]
