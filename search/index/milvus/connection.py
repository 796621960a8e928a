"""The door to Milvus' client: one connection a process and server, and its errors as ours."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gallery.errors import IndexDamagedError, SemsearchError

COLLECTION_NOT_FOUND = 100
COLLECTION_NOT_LOADED = 101
UNREACHABLE = "The vector engine does not answer, or refuses: try again later."


class IndexUnreachableError(SemsearchError):
    """The vector engine does not answer, or refuses."""

    code = "index_unreachable"
    status = 503


@dataclass(frozen=True)
class MilvusServer:
    """Where Milvus is; `timeout_s` bounds a search or look-up, not a build.

    `uri` is http(s)://host:port of a server, or a file of Milvus Lite, which belongs to one process.
    """

    uri: str
    token: str = ""
    timeout_s: float = 10.0


_clients: dict[MilvusServer, Any] = {}
_connecting = threading.Lock()


def client(server: MilvusServer) -> Any:
    """Return this process' connection to a server, made at first use; any number of threads may share it.

    Raises: IndexUnreachableError.
    """
    with _connecting:
        if server not in _clients:
            try:
                import pymilvus
            except ImportError as error:
                raise IndexUnreachableError(
                    "INDEX_BACKEND is milvus, and its client is not installed: "
                    "pip install -r requirements-servers.txt."
                ) from error
            # whatever it logs as an error it also raises
            logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
            logging.getLogger("milvus_lite").setLevel(logging.WARNING)
            with speaking(server):
                _clients[server] = pymilvus.MilvusClient(
                    uri=server.uri, token=server.token, timeout=server.timeout_s
                )
        return _clients[server]


@contextmanager
def speaking(server: MilvusServer) -> Iterator[None]:
    """Turn the errors of Milvus' client into ours.

    Raises: IndexDamagedError for a collection that is gone, IndexUnreachableError for all else.
    """
    import grpc
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except MilvusException as error:
        if error.code in (COLLECTION_NOT_FOUND, COLLECTION_NOT_LOADED):
            raise IndexDamagedError("A collection of Milvus is gone. Run rebuild_index.") from error
        raise IndexUnreachableError(UNREACHABLE, inner=f"{server.uri}: {error.message or error}") from error
    except grpc.RpcError as error:
        raise IndexUnreachableError(UNREACHABLE, inner=f"{server.uri}: {error}") from error
