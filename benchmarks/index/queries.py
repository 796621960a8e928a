"""Asks the index of the benchmark and its peers the same questions in turn, with one thread.

Run as a process on the state folder, with one thread for every library:
python -m benchmarks.index.queries COLLECTION COUNT PEERS.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from functools import partial
from itertools import count as counting
from pathlib import Path
from typing import Any

from benchmarks import rounds
from benchmarks.index.exam import Exam, K
from benchmarks.index.filters import filtered
from benchmarks.index.million import kept_collection
from benchmarks.index.peers import Peer, Rows, peers
from benchmarks.index.rows import SLUG
from benchmarks.processes import as_part, found_by

ROUNDS, ASKED = 6, 150
FLAT_ASKED = 3  # exact search takes a hundred times as long
EXACT_CHECKED = 20  # questions that show it to be exact


def measured(folder: Path, count: int, kept: Path) -> dict[str, Any]:
    """Return the figures of our index and of the peers that are kept."""
    from gallery.models import Dataset
    from search.features import feature_specs
    from search.indexing import snapshots

    live = snapshots.searchable(feature_specs.live_index(Dataset.objects.get(slug=SLUG)))
    exam = Exam(kept_collection(folder, count), live)
    others = [peer for peer in peers() if (kept / peer.file).exists()]
    finds = {"semsearch": exam.ours} | {peer.name: partial(_found, peer, exam) for peer in others}
    recalls = {"semsearch": exam.recall(exam.ours, range(len(exam.queries)))}
    for peer in others:
        peer.load(kept, count, live.dims)
        recalls[peer.name] = _matched(peer, exam, recalls["semsearch"])
    times = rounds.in_turn({name: _asked(name, find, exam) for name, find in finds.items()}, ROUNDS)
    own = times["semsearch"]
    return {
        "recall_at_10": round(recalls["semsearch"], 4),
        **_summary(own),
        "query_ms_spread": rounds.spread([statistics.median(one) for one in own], 3),
        "batch_query_ms": round(rounds.elapsed_ms(lambda: live.search(exam.raw, K)) / len(exam.raw), 3),
        "peers": [
            {
                "name": peer.name,
                "recall_at_10": round(recalls[peer.name], 4),
                **_summary(times[peer.name]),
                "effort": peer.effort,
                **rounds.compared(own, times[peer.name], less_is_better=True),
            }
            for peer in others
        ],
        "filtered": filtered(exam),
    }


def _summary(times: list[list[float]]) -> dict[str, float]:
    together = rounds.flat(times)
    return {
        "query_ms_p50": round(statistics.median(together), 3),
        "query_ms_p99": round(rounds.p99(together), 3),
    }


def _found(peer: Peer, exam: Exam, number: int) -> Rows:
    return peer.find(exam.queries[number : number + 1], K)


def _matched(peer: Peer, exam: Exam, wanted: float) -> float:
    """Give a peer the least effort that finds as much as ours of the very questions, and return its recall.

    Ours was tuned at its build, on others: to know the questions is to the peer's advantage.
    """
    numbers = range(len(exam.queries) if peer.efforts[-1] else EXACT_CHECKED)
    recall = 0.0
    for effort in peer.efforts:
        peer.effort = effort
        recall = exam.recall(partial(_found, peer, exam), numbers)
        if recall >= wanted:
            break
    return recall


def _asked(name: str, find: Callable[[int], Rows], exam: Exam) -> Callable[[], list[float]]:
    """Return what asks the next few questions and returns the milliseconds of each."""
    numbers = counting()
    asked = FLAT_ASKED if name.endswith("Flat") else ASKED

    def ask() -> list[float]:
        some = [next(numbers) % len(exam.queries) for _ in range(asked)]
        return [rounds.elapsed_ms(partial(find, number)) for number in some]

    return ask


def footprint(name: str, folder: Path, count: int, kept: Path) -> dict[str, float]:
    """Return the resident memory that an index takes in a process of its own, once it has answered."""
    return found_by("index.memory", name, str(folder), str(count), str(kept))


def main() -> dict[str, Any]:
    """Measure and return the figures."""
    import faiss
    from threadpoolctl import threadpool_limits

    faiss.omp_set_num_threads(1)
    folder, count, kept = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    with threadpool_limits(1):
        figures = measured(folder, count, kept)
    figures |= footprint("semsearch", folder, count, kept)
    for peer in figures["peers"]:
        peer |= footprint(peer["name"], folder, count, kept)
    return figures


if __name__ == "__main__":
    as_part(main)
