"""The errors semsearch raises on purpose: words that say what to do, a machine code, an HTTP status."""

from __future__ import annotations


class SemsearchError(Exception):
    """Base of our own errors.

    Subclasses set `code` (stable, for programs), `status` (HTTP) and, where what was given will never do,
    `final`; `detail` is for people. `inner` is what only those who run the site may read, such as what a name
    resolves to or where a server is.
    """

    code = "error"
    status = 400
    # whether the same work can never succeed
    final = False
    # seconds after which it is worth to try again; 0 where nobody knows
    retry_after_s = 0
    # the stored image that it is about, for programs
    image: int | None = None

    def __init__(self, detail: str, *, inner: str = "") -> None:
        # as text, for the log and the command line, it says all
        super().__init__(f"{detail} ({inner})" if inner else detail)
        self.detail = detail
        self.inner = inner


class NotAnImageError(SemsearchError):
    """The bytes are not a picture that can be read."""

    code = "not_a_picture"
    status = 415


class TooLargeError(SemsearchError):
    """A file, picture or archive passes a configured limit."""

    code = "too_large"
    status = 413


class UnsafeArchiveError(SemsearchError):
    """An archive as a whole cannot be read safely."""

    code = "unsafe_archive"
    status = 422
    final = True


class AddressRefusedError(SemsearchError):
    """A URL leads, or might lead, to an address that must not be reached."""

    code = "address_refused"
    status = 403


class BusyError(SemsearchError):
    """There is no place, or no memory, for this just now."""

    code = "busy"
    status = 503
    retry_after_s = 5


class DatabaseAwayError(SemsearchError):
    """The database cannot be reached now."""

    code = "database_away"
    status = 503
    retry_after_s = 5


class StorageAwayError(SemsearchError):
    """The storage of images cannot be reached now, or is not the one that belongs to this installation."""

    code = "storage_away"
    status = 503
    retry_after_s = 10


class DiskFullError(SemsearchError):
    """Nothing can be stored: there is too little free space, or the disk can only be read."""

    code = "disk_full"
    status = 507
    retry_after_s = 60


class FetchFailedError(SemsearchError):
    """A URL could not be downloaded."""

    code = "fetch_failed"
    status = 502


class NotFoundError(SemsearchError):
    """What was asked for does not exist."""

    code = "not_found"
    status = 404


class NothingIndexedError(SemsearchError):
    """There is nothing to search yet."""

    code = "nothing_indexed"
    status = 409


class WeightsError(SemsearchError):
    """A network's weights are missing, damaged or not the expected ones."""

    code = "weights_unavailable"
    status = 503


class IndexDamagedError(SemsearchError):
    """A stored index generation cannot be read or fails its checks."""

    code = "index_damaged"
    status = 503
    state = "damaged"  # what an index is


class IndexOutdatedError(IndexDamagedError):
    """A generation is of another release's format: until it is built anew searches read the database."""

    code = "index_outdated"
    state = "of another release"


class AppendOnlyError(SemsearchError):
    """What is kept for good was to be changed or removed."""

    code = "append_only"
    status = 409
