"""Asks a server for searches from several clients at once, each on a connection it keeps.

`python -m benchmarks.clients` reads a `Load` as JSON on the standard input and writes a `Record` as JSON: the
servers that are measured share no interpreter with what measures them.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.processes import output_of

TIMEOUT_S = 60
HITS = 10


@dataclass(frozen=True)
class Load:
    """Which pictures are asked for by how many clients, and until when: a number of searches, or seconds."""

    port: int
    path: str
    images: list[str]
    clients: int = 1
    searches: int = 0
    seconds: float = 0.0
    first: int = 0  # which picture comes first


@dataclass
class Record:
    """Milliseconds of every good answer, what went wrong, how long it took, and whose processor time."""

    ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0
    own_cpu_seconds: float = 0.0
    server_cpu_seconds: float = 0.0  # for whoever can see the server's process to fill in


def measured(load: Load) -> Record:
    """Apply a load in another process and return what it saw."""
    answer = output_of([sys.executable, "-m", "benchmarks.clients"], given=json.dumps(asdict(load)))
    return Record(**json.loads(answer))


def apply(load: Load) -> Record:
    """Ask until enough searches are made, or the time is over; a search that has begun is waited for."""
    bodies = [_body(Path(name)) for name in load.images]
    record, numbers = Record(), count(load.first)
    began, cpu = time.perf_counter(), time.process_time()
    deadline = began + load.seconds

    def wanted() -> Iterator[tuple[bytes, str]]:
        for number in numbers:
            if load.searches:
                if number >= load.first + load.searches:
                    return
            elif time.perf_counter() >= deadline:
                return
            yield bodies[number % len(bodies)]

    clients = [threading.Thread(target=_client, args=(load, wanted(), record)) for _ in range(load.clients)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    record.seconds, record.own_cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    return record


def _client(load: Load, bodies: Iterator[tuple[bytes, str]], record: Record) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", load.port, timeout=TIMEOUT_S)
    for body, kind in bodies:
        began = time.perf_counter()
        try:
            connection.request("POST", load.path, body, {"Content-Type": kind})
            response = connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            record.errors.append(f"{type(error).__name__}: {error}")
            connection.close()
            continue
        ms = (time.perf_counter() - began) * 1000
        if response.status == 200 and _hits(data) == HITS:
            record.ms.append(ms)
        else:
            record.errors.append(f"{response.status}: {data[:200]!r}")
    connection.close()


def _hits(data: bytes) -> int:
    try:
        answer: Any = json.loads(data)
        return len(answer["hits"])
    except (ValueError, TypeError, KeyError):
        return -1


def _body(image: Path) -> tuple[bytes, str]:
    """Return a form with a picture and the number of hits, as a browser sends it, and its content type."""
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="k"\r\n\r\n{HITS}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{image.name}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode() + image.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


if __name__ == "__main__":
    json.dump(asdict(apply(Load(**json.load(sys.stdin)))), sys.stdout)
