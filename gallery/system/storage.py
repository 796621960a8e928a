"""The door to the storage of images: one error says that it cannot be reached, whichever storage it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class StorageUnavailableError(ConnectionError):
    """The storage of images cannot be reached now: no file of it can be read or removed."""


@contextmanager
def storage_errors() -> Iterator[None]:
    """Raise StorageUnavailableError in place of what the library of a storage raises when that is away.

    An error of one file goes on as it is: OSError, or SuspiciousFileOperation for a name outside.
    """
    try:
        yield
    except Exception as error:  # whatever it is goes on, some of it under another name
        if is_storage_unavailable(error):
            raise StorageUnavailableError(f"The storage does not answer: {error}") from error
        raise


def is_storage_unavailable(error: BaseException) -> bool:
    """Whether an error says that the storage of images cannot be reached, not that one file is amiss.

    Object storage has errors of its own (botocore's, some of which are OSErrors and some not), which are not
    imported here: an error of a library that was never loaded cannot have come.
    """
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    if isinstance(error, _known("botocore.exceptions", "ClientError")):
        answer = getattr(error, "response", {}).get("ResponseMetadata", {})
        return int(answer.get("HTTPStatusCode", 0)) >= 500
    unreachable = _known("botocore.exceptions", "ConnectionError", "HTTPClientError", "IncompleteReadError")
    return isinstance(error, (*unreachable, *_known("boto3.exceptions", "RetriesExceededError")))


def _known(module: str, *names: str) -> tuple[type[BaseException], ...]:
    loaded = sys.modules.get(module)
    return tuple(getattr(loaded, name) for name in names) if loaded else ()
