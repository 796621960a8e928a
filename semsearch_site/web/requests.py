"""What is counted and, where that is wanted, logged of each request, whoever answers it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from uvicorn._types import HTTPScope

from gallery.system import log_context
from gallery.system.measuring import measures
from semsearch_site.web.answers import Answer

logger = logging.getLogger(__name__)

REQUEST_ID = b"x-request-id"
# the key of the WSGI environment under which Django says which of its routes answered
ROUTE = "semsearch.route"
REFUSED = "refused"
# anything may be sent as a method, and each would be a number of its own
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


@dataclass
class Request:
    """A request under way: its id, the route that answers it, and when it was there in full.

    `route` stays what it is where no thread gets to see the request.
    """

    scope: HTTPScope
    logged: bool
    route: str = REFUSED
    id: str = ""
    began: float = field(default_factory=time.perf_counter)
    came: float = 0.0

    def __post_init__(self) -> None:
        given = next((value for name, value in self.scope["headers"] if name == REQUEST_ID), b"")
        self.id = log_context.sane_request_id(given.decode("latin-1"))
        # Django is told the one that is used
        others: Iterable[tuple[bytes, bytes]] = (one for one in self.scope["headers"] if one[0] != REQUEST_ID)
        self.scope["headers"] = [*others, (REQUEST_ID, self.id.encode())]
        self.came = self.began

    def is_there(self) -> None:
        """Note that all of it has come."""
        self.came = time.perf_counter()

    def named(self, answer: Answer) -> Answer:
        """Return an answer of ours with the id; Django names its own."""
        return replace(answer, headers=[*answer.headers, (REQUEST_ID, self.id.encode())])

    def answered(self, status: int) -> None:
        """Count the request, and log it where that is wanted."""
        now = time.perf_counter()
        method = self.scope["method"]
        measures.here().request_ended(
            self.route, method if method in METHODS else "other", status, now - self.came
        )
        if self.logged:
            self._log(status, now)

    def _log(self, status: int, now: float) -> None:
        client = self.scope["client"]
        fields = {
            "method": self.scope["method"],
            "path": self.scope["path"],
            "route": self.route,
            "status": status,
            "duration_ms": round((now - self.began) * 1000, 1),
            "client": client[0] if client else "",
        }
        with log_context.of_request(self.id):
            logger.info(
                '%(client)s "%(method)s %(path)s" %(status)d %(duration_ms).1f ms', fields,
                extra={"fields": fields},
            )  # fmt: skip
