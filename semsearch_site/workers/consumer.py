"""The worker's consumer of messages, which finds its broker again soon and says of an outage two lines."""

from __future__ import annotations

import time
import warnings
from typing import Any

from celery.exceptions import CPendingDeprecationWarning
from celery.worker import state
from celery.worker.consumer import Consumer as CeleryConsumer
from redis.exceptions import ResponseError

from gallery.system import outages

# at each lost connection: that jobs are to be cancelled then, as Celery 6 will; here they go on
warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
# Celery waits two seconds longer each time, up to thirty
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 2.0
# a broker that is there and refuses messages, as one with a full disk does, is not asked without a pause
REFUSED_PAUSE_S = 1.0


class Consumer(CeleryConsumer):
    """Celery's consumer with short pauses between attempts to connect."""

    # by a broker that lets itself be connected to; when it takes a message, whoever sent that says so
    _refused = False

    def ensure_connected(self, conn: Any) -> Any:
        """Return a connection that is connected, however long that takes."""
        conn = conn.ensure_connection(
            lambda error, _pause: outages.BROKER.began(error),
            interval_start=FIRST_PAUSE_S,
            interval_step=FIRST_PAUSE_S,
            interval_max=LONGEST_PAUSE_S,
            callback=state.maybe_shutdown,
        )
        self.first_connection_attempt = False
        if not self._refused:
            outages.BROKER.ended()
        return conn

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Note it."""
        outages.BROKER.began(exc)
        time.sleep(REFUSED_PAUSE_S)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Note it, and let go of the connection."""
        outages.BROKER.began(exc)
        self._refused = isinstance(exc, ResponseError)
        if self._refused:
            time.sleep(REFUSED_PAUSE_S)
        super().on_connection_error_after_connected(exc)
