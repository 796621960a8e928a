"""Live search over HTTP, by one client and by many, beside the original's way on the same web server."""

from __future__ import annotations

import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from django.conf import settings

from benchmarks import rounds
from benchmarks.clients import Load, Record, measured
from benchmarks.jpegs import SMALL, Sizes, jpegs
from benchmarks.serving import Server, manage, original_site, our_site

COLLECTION = 2000
QUERIES = 400
QUERY_SIZES = Sizes(0.3, 1.0)  # megapixels, as the previews of telephones
CLIENTS, SECONDS = 16, 60.0
ONE_CLIENT_ROUNDS, ONE_CLIENT_SEARCHES = 24, 8
ROUNDS = 3
A_ROUND = 97  # how many pictures further the next round begins
WARM_UP = 4  # searches of one client's round that do not count: the other server's turn left caches cold
PATH = "/api/v1/search/"


@dataclass(frozen=True)
class _Pair:
    """Both servers, and the pictures they are asked for."""

    ours: Server
    peer: Server
    images: list[str]

    def alternately(self, number: int, **load: Any) -> tuple[list[Record], list[Record]]:
        """Apply the same load to both in turn, in so many rounds; each round asks for other pictures."""
        firsts = {"ours": count(step=A_ROUND), "theirs": count(step=A_ROUND)}

        def ask(name: str, server: Server, path: str) -> Record:
            before = server.web_cpu_s()
            record = measured(Load(server.port, path, self.images, first=next(firsts[name]), **load))
            record.server_cpu_seconds = server.web_cpu_s() - before
            return record

        found = rounds.in_turn(
            {
                "ours": partial(ask, "ours", self.ours, PATH),
                "theirs": partial(ask, "theirs", self.peer, "/"),
            },
            number,
        )
        return found["ours"], found["theirs"]


def http(clients: int = CLIENTS, seconds: float = SECONDS) -> dict[str, Any]:
    """Measure both over 2,000 pictures in turn: one client, then `seconds` of many clients each."""
    collection = jpegs(COLLECTION, settings.CACHE_ROOT, SMALL)
    queries = [str(path) for path in jpegs(QUERIES, settings.CACHE_ROOT, QUERY_SIZES)]
    with tempfile.TemporaryDirectory(prefix="semsearch-benchmark-") as folder, ExitStack() as running:
        home = Path(folder)
        _prepare(home, collection[0].parent.parent)
        with our_site(home):  # what only the first start does stays out of the figures
            pass
        ours = running.enter_context(our_site(home))
        measured(Load(ours.port, PATH, queries, searches=1))
        rss_mb = ours.web_rss_mb()
        _say("starting the original's way")
        peer = running.enter_context(original_site(len(collection), clients))
        pair = _Pair(ours, peer, queries)
        _say("one client")
        alone = pair.alternately(ONE_CLIENT_ROUNDS, searches=WARM_UP + ONE_CLIENT_SEARCHES)
        pair.alternately(1, clients=clients, searches=2 * clients)
        _say(f"{clients} clients for {seconds:g} s each")
        together = pair.alternately(ROUNDS, clients=clients, seconds=seconds / ROUNDS)
        figures = _figures(alone, together)
        return figures | {
            "clients": clients,
            "seconds": seconds,
            "pictures": len(collection),
            "ready_s": round(ours.ready_s, 2),
            "web_rss_mb": round(rss_mb),
            "web_rss_after_load_mb": round(ours.web_rss_mb()),
            "peer_web_rss_mb": round(peer.web_rss_mb()),
        }


def _prepare(home: Path, images: Path) -> None:
    """Import, extract and index the collection; networks converted before are used again."""
    (home / "cache").symlink_to(settings.CACHE_ROOT)
    for number, words in enumerate(
        (
            ["migrate", "--verbosity", "0"],
            ["import_dataset", str(images), "--name", "benchmark", "--no-extract"],
            ["extract_features"],
            ["rebuild_index"],
        ),
        start=1,
    ):
        _say(f"preparing the collection, step {number} of 4: {words[0]}")
        manage(home, *words)


def _figures(
    alone: tuple[list[Record], list[Record]], together: tuple[list[Record], list[Record]]
) -> dict[str, Any]:
    """Return the figures of one client and of many, each of ours and of the peer's."""
    one, peer_one = ([record.ms[WARM_UP:] for record in records] for records in alone)
    cold, peer_cold = ([record.ms[:WARM_UP] for record in records] for records in alone)
    rates = [[[len(record.ms) / record.seconds] for record in records] for records in together]
    ms, peer_ms = (rounds.flat([record.ms for record in records]) for records in together)
    errors, peer_errors = (
        [error for group in (alone[side], together[side]) for record in group for error in record.errors]
        for side in (0, 1)
    )
    own = [record.own_cpu_seconds / max(1, len(record.ms)) for record in together[0]]
    # what else the machine did is not in these
    cpu, peer_cpu = (
        [[1000 * record.server_cpu_seconds / max(1, len(record.ms))] for record in records]
        for records in together
    )
    cpu_ratio = rounds.compared(cpu, peer_cpu, less_is_better=True)
    rate, peer_rate = (statistics.median(rounds.flat(column)) for column in rates)
    alone_ratio = rounds.compared(one, peer_one, less_is_better=True)
    return {
        "requests_per_s": round(rate, 1),
        "errors": len(errors),
        "ms_p50": round(statistics.median(ms), 1),
        "ms_p99": round(rounds.p99(ms), 1),
        "peer_requests_per_s": round(peer_rate, 2),
        **rounds.compared(*rates, less_is_better=False),
        "one_client_ms_p50": round(statistics.median(rounds.flat(one)), 2),
        "one_client_ms_p99": round(rounds.p99(rounds.flat(one)), 2),
        "peer_one_client_ms_p50": round(statistics.median(rounds.flat(peer_one)), 2),
        "one_client_cold_ms_p50": round(statistics.median(rounds.flat(cold)), 2),
        "peer_one_client_cold_ms_p50": round(statistics.median(rounds.flat(peer_cold)), 2),
        "one_client_ratio": alone_ratio["ratio"],
        "one_client_ratio_spread": alone_ratio["ratio_spread"],
        "cpu_ms": round(statistics.median(rounds.flat(cpu)), 1),
        "peer_cpu_ms": round(statistics.median(rounds.flat(peer_cpu)), 1),
        "cpu_ratio": cpu_ratio["ratio"],
        "cpu_ratio_spread": cpu_ratio["ratio_spread"],
        "p99_ratio": round(rounds.p99(peer_ms) / rounds.p99(ms), 2),
        "peer_errors": len(peer_errors),
        "peer_ms_p50": round(statistics.median(peer_ms), 1),
        "peer_ms_p99": round(rounds.p99(peer_ms), 1),
        "client_cpu_ms": round(1000 * statistics.median(own), 2),
        "rounds_per_s": [
            [round(value, 2) for value in rounds.flat(pair)] for pair in zip(*rates, strict=True)
        ],
        "first_errors": [*errors[:3], *peer_errors[:3]],
    }


def _say(what: str) -> None:
    print(f"http: {what}", file=sys.stderr, flush=True)
