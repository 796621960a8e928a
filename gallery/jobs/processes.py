"""Names the thread that works on something, and tells whether its process is gone."""

from __future__ import annotations

import os
import socket
import uuid


def new_token() -> str:
    """Return a name for a piece of work of this process: host:pid:random."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def process_is_gone(token: str) -> bool:
    """Whether the process that bears a token ran on this host and no longer exists."""
    host, _, rest = token.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
