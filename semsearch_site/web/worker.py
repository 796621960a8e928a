"""gunicorn's worker process: uvicorn reads requests in its event loop, threads run Django."""

from __future__ import annotations

import asyncio
import resource
from dataclasses import replace

from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

from semsearch_site.web import limits
from semsearch_site.web.connections import BoundedConnection, look_after

# gunicorn kills a worker that has not ended `graceful_timeout` after it was told to
ENDS_WITHIN_S = 4
MOST_FILES = 2**16
FILES_A_CONNECTION = 2  # its socket, and the file of its body or of its answer
FILES_OF_THE_REST = 256  # databases, indexes, libraries, uploads that Django reads


class FrontWorker(UvicornWorker):  # type: ignore[misc]  # without types
    """Serves a WSGI application behind a front that waits for slow clients in their stead."""

    CONFIG_KWARGS = {
        # uvloop takes the interpreter's lock for each event, this once for all that have come: beside threads
        # that compute it answers twice to four times as soon
        "loop": "asyncio",
        "http": BoundedConnection,
        "ws": "none",
        "lifespan": "off",
        "interface": "asgi3",
        # `gallery.access.client_address` alone decides which proxies are believed
        "proxy_headers": False,
        "server_header": False,
        "timeout_graceful_shutdown": ENDS_WITHIN_S,
    }

    async def _serve(self) -> None:
        # gunicorn's first process imports this module, and loads no application
        from semsearch_site.web.front import Front

        bounds = limits.configured()
        places = (_files_allowed() - FILES_OF_THE_REST) // FILES_A_CONNECTION
        self.config.app = Front(self.wsgi, replace(bounds, connections=min(bounds.connections, places)))
        server = Server(self.config)
        self._install_sigquit_handler()
        watch = asyncio.create_task(look_after(server.server_state))
        await server.serve(sockets=self.sockets)
        watch.cancel()


def _files_allowed() -> int:
    """Let this process open as many files as the system allows, and return the number."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
