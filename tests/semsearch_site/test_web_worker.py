"""A thread of the web server stays with a connection only while that keeps nobody waiting."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.workers.gthread import ThreadWorker

from semsearch_site.web_worker import StayingWorker

THREADS = 2


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A connection over which three requests came, of a byte each."""

    def answer(_: ThreadWorker, conn: SimpleNamespace) -> bool:
        conn.answered += len(conn.sock.recv(1))
        return bool(conn.kept)

    monkeypatch.setattr(ThreadWorker, "handle", answer)
    client, served = socket.socketpair()
    with client, served:
        client.sendall(b"...")
        parser = SimpleNamespace(unreader=SimpleNamespace(buf=io.BytesIO()))
        yield SimpleNamespace(sock=served, parser=parser, answered=0, kept=True)


def worker(connections: int) -> Any:
    made = StayingWorker.__new__(StayingWorker)
    made.alive, made.nr_conns, made.cfg = True, connections, SimpleNamespace(threads=THREADS)
    return made


def test_a_thread_answers_what_comes_on_its_connection_and_then_gives_it_back(asked: SimpleNamespace) -> None:
    assert worker(THREADS).handle(asked) is True
    assert asked.answered == 3


def test_no_thread_stays_where_connections_wait_for_one(asked: SimpleNamespace) -> None:
    assert worker(THREADS + 1).handle(asked) is True
    assert asked.answered == 1


def test_a_connection_that_is_to_be_closed_is_not_read_again(asked: SimpleNamespace) -> None:
    asked.kept = False
    assert worker(THREADS).handle(asked) is False
    assert asked.answered == 1


def test_what_was_read_ahead_is_left_to_the_server(asked: SimpleNamespace) -> None:
    asked.parser.unreader.buf.write(b"GET")
    assert worker(THREADS).handle(asked) is True
    assert asked.answered == 1
