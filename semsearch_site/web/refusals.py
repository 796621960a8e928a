"""What is answered to a request that no thread sees: too large, too slow, or one too many."""

from __future__ import annotations

import json

from gallery.errors import SemsearchError
from semsearch_site.web.answers import Answer


class RefusedError(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status: int, code: str, detail: str, *, retry_after_s: int = 0) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.retry_after_s = status, code, detail, retry_after_s

    def answer(self, path: str) -> Answer:
        """Return the answer at a path: JSON below /api/, plain text elsewhere."""
        if path.startswith("/api/"):
            kind = b"application/json"
            body = json.dumps({"error": {"code": self.code, "detail": self.detail}}).encode()
        else:
            kind, body = b"text/plain; charset=utf-8", self.detail.encode() + b"\n"
        headers = [
            (b"content-type", kind),
            (b"content-length", b"%d" % len(body)),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
        ]
        if self.retry_after_s:
            # what else the client has sent ahead would be one too many as well
            headers += [(b"retry-after", b"%d" % self.retry_after_s), (b"connection", b"close")]
        return Answer(self.status, headers, body)


def too_large(most_bytes: int) -> RefusedError:
    """Return the refusal of a body that is longer than its address takes."""
    most = f"{most_bytes / 2**20:.1f} MiB"
    return RefusedError(413, "too_large", f"What was sent is larger than the {most} that are taken here.")


def too_slow() -> RefusedError:
    """Return the refusal of a body that comes too slowly."""
    return RefusedError(408, "too_slow", "What was sent came too slowly: try again on a faster connection.")


def passing(error: SemsearchError) -> RefusedError:
    """Return the refusal of a request that meets an outage."""
    return RefusedError(error.status, error.code, error.detail, retry_after_s=error.retry_after_s)


def busy() -> RefusedError:
    """Return the refusal of a request that would have to wait too long."""
    return RefusedError(503, "busy", "The server has too much to do: try again in a moment.", retry_after_s=5)
