"""What ends the work on a job early, and what refuses to begin it again."""

from __future__ import annotations

from gallery.errors import SemsearchError


class JobStoppedError(Exception):
    """The job was cancelled, or another worker has taken it over."""


class JobInterruptedError(Exception):
    """The worker was told to end, or has something more urgent to do; the job goes on afterwards."""


class NotRetryableError(SemsearchError):
    """A job or file cannot be tried again."""

    code = "not_retryable"
    status = 409


class TooManyWaitingError(SemsearchError):
    """So many jobs of a kind wait already that no request may add another."""

    code = "too_many_jobs"
    status = 503
    retry_after_s = 60
