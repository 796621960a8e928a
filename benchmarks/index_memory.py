"""Says what memory one index takes in a process of its own, once it has answered a few hundred searches.

Counted is what becomes resident by that, pages of mapped files included; but for ours not those of the
float16 file that candidates are re-ranked from, which are given separately: they are page cache, and as many
as were looked at. Run as python -m benchmarks.index_memory NAME COLLECTION COUNT PEERS.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.index_build import memory_mb
from benchmarks.index_rows import SLUG
from benchmarks.million import kept_queries
from benchmarks.peers import peers
from search.types import Vectors

SEARCHES = 500


def ours_mb(queries: Vectors) -> dict[str, float]:
    """Return the memory of our index as the web process opens it."""
    import faiss  # noqa: F401  its code is no part of an index

    from gallery.models import Dataset
    from search.services import features, indexing
    from search.services.backends import backend

    index = features.live_index(Dataset.objects.get(slug=SLUG))
    before = memory_mb("VmRSS")
    generation = backend().open_current(index.store_name, checksums=False)
    assert generation is not None
    for query in queries:
        generation.search(query[None], 10)
    vectors = _mapped_mb("vectors.f16")
    indexing.forget()
    return {"mb": memory_mb("VmRSS") - before - vectors, "vectors_mb": vectors}


def peer_mb(name: str, queries: Vectors, count: int, kept: Path) -> dict[str, float]:
    """Return the memory of a peer."""
    peer = next(peer for peer in peers() if peer.name == name)
    peer.effort = peer.efforts[min(4, len(peer.efforts) - 1)]
    before = memory_mb("VmRSS")
    peer.load(kept, count, queries.shape[1])
    for query in queries if peer.effort else queries[:5]:
        peer.find(query[None], 10)
    return {"mb": memory_mb("VmRSS") - before}


def _mapped_mb(name: str) -> float:
    """Return how much of a mapped file is resident in this process."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ")[0]:
            inside = line.endswith(name)
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total * 1024 / 1e6


if __name__ == "__main__":
    import django

    django.setup()
    asked = kept_queries(Path(sys.argv[2]))[:SEARCHES]
    name, count, kept = sys.argv[1], int(sys.argv[3]), Path(sys.argv[4])
    found = ours_mb(asked) if name == "semsearch" else peer_mb(name, asked, count, kept)
    print(json.dumps(found))
