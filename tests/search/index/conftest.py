"""Fixtures of the tests of indexes: stored vectors; a Milvus inside the process and a server."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from search.index.faiss.stored_vectors import MappedVectors
from search.index.milvus.connection import MilvusServer, client
from tests.search.index.test_faiss import DIMS, clustered
from tests.support import milvus_server

COUNT = 12_000
# also on a machine that does much else
ANSWERS_WITHIN_S = 60.0


@pytest.fixture(scope="package")
def standalone_milvus() -> Iterator[MilvusServer]:
    """Run a standalone Milvus server until the last of these tests: it looks around all the time."""
    if reason := milvus_server.missing():
        pytest.skip(reason)
    process = milvus_server.MilvusProcess()
    process.start()
    server = MilvusServer(process.uri, milvus_server.TOKEN, ANSWERS_WITHIN_S)
    yield server
    client(server).close()
    process.stop()


@pytest.fixture(scope="session")
def milvus_lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    """Open a Milvus Lite of the session's own, inside this process."""
    server = MilvusServer(str(tmp_path_factory.mktemp("milvus") / "lite.db"), timeout_s=ANSWERS_WITHIN_S)
    yield server
    client(server).close()


@pytest.fixture(params=["milvus_lite", "standalone_milvus"])
def milvus(request: pytest.FixtureRequest) -> MilvusServer:
    """Return each Milvus in turn."""
    server: MilvusServer = request.getfixturevalue(request.param)
    return server


@pytest.fixture(scope="module")
def stored() -> MappedVectors:
    """Return vectors of which the ids are the even numbers."""
    zero = np.zeros(DIMS, dtype=np.float32)
    return MappedVectors(np.arange(COUNT, dtype=np.int64) * 2, clustered(COUNT).astype(np.float16), zero)
