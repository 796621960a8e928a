"""Tells errors of a database, storage or network that will be back from errors of the work itself."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError


def will_pass(error: BaseException) -> bool:
    """Whether the same work may succeed later without anybody's doing."""
    return isinstance(error, (OperationalError, InterfaceError, OSError)) or storage_is_away(error)


def storage_is_away(error: BaseException) -> bool:
    """Whether an error says that the storage of pictures cannot be reached, not that one file is amiss.

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
