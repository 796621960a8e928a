"""What can go wrong, as classes: one for each thing that a program does about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semsearch_client.rows import FailedFile, JobFacts


class SemsearchError(Exception):
    """Base of all errors of this client.

    `status` is that of HTTP, 0 where no answer came. `code` is a word for programs that stays as it is,
    `detail` says what to do. `request_id` finds the request in the log of the server. `image` is the stored
    image that it is about, as of a duplicate.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int = 0,
        code: str = "error",
        request_id: str = "",
        image: int | None = None,
    ) -> None:
        super().__init__(f"{detail} ({code}, {status})" if status else detail)
        self.detail = detail
        self.status = status
        self.code = code
        self.request_id = request_id
        self.image = image


class NotFound(SemsearchError):
    """What was asked for does not exist, or is not for whoever asks."""


class Refused(SemsearchError):
    """The request is wrong as it is: to ask again changes nothing."""


class Throttled(SemsearchError):
    """Too many requests: the same will do after `retry_after_s` seconds."""

    def __init__(self, detail: str, *, retry_after_s: float = 0.0, **more: Any) -> None:
        super().__init__(detail, **more)
        self.retry_after_s = retry_after_s


class Unavailable(SemsearchError):
    """The server cannot be reached, or cannot answer now."""


class JobFailed(SemsearchError):
    """A job failed, was cancelled, or could not use some files, which `failed_files` lists with reasons."""

    def __init__(self, job: JobFacts, failed_files: Sequence[FailedFile] = ()) -> None:
        said = job.error or job.message or job.outcome
        if failed_files:
            first = failed_files[0]
            said = f"{job.failed:,} files could not be used; the first is {first.name}: {first.reason}"
        super().__init__(f"Job {job.id} ({job.kind}): {said}", code=job.outcome)
        self.job = job
        self.failed_files = list(failed_files)


class JobTimeout(SemsearchError, TimeoutError):
    """A job has not ended yet; it goes on, and `job.wait()` can be called again."""
