"""Says what memory one index takes in a process of its own, once it has answered a few hundred searches.

Counted is what becomes resident by that, pages of mapped files included. The code of libraries, of which more
is loaded as it is used, is no part of an index, neither of ours nor of a peer. Not counted but given
separately are the pages of our float16 file that candidates are re-ranked from: they are page cache, and as
many as were looked at. Run as python -m benchmarks.index.memory NAME COLLECTION COUNT PEERS.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.index.million import kept_queries
from benchmarks.index.peers import peers
from benchmarks.index.rows import SLUG
from benchmarks.processes import as_part
from search.index.faiss.stored_vectors import VECTORS_FILE
from search.types import Vectors

SEARCHES = 500


def ours_mb(queries: Vectors) -> dict[str, float]:
    """Return the memory of our index as the web process opens it."""
    import faiss  # noqa: F401  what it takes itself is no part of an index

    from gallery.models import Dataset
    from search.features import feature_specs
    from search.indexing import snapshots
    from search.indexing.backends import backend

    index = feature_specs.live_index(Dataset.objects.get(slug=SLUG))
    before = _resident_mb()
    generation = backend().open_current(index.store_name, checksums=False)
    assert generation is not None
    for query in queries:
        generation.search(query[None], 10)
    taken, vectors = _resident_mb() - before, _resident_mb(_mapped_vectors)
    snapshots.forget()
    return {"mb": taken - vectors, "vectors_mb": vectors}


def peer_mb(name: str, queries: Vectors, count: int, kept: Path) -> dict[str, float]:
    """Return the memory of a peer."""
    peer = next(peer for peer in peers() if peer.name == name)
    peer.effort = peer.efforts[min(4, len(peer.efforts) - 1)]
    before = _resident_mb()
    peer.load(kept, count, queries.shape[1])
    for query in queries if peer.effort else queries[:5]:
        peer.find(query[None], 10)
    return {"mb": _resident_mb() - before}


def _no_library(mapped: str) -> bool:
    return ".so" not in Path(mapped).name


def _mapped_vectors(mapped: str) -> bool:
    return Path(mapped).name == VECTORS_FILE


def _resident_mb(counted: Callable[[str], bool] = _no_library) -> float:
    """Return what is resident in this process, of the mapped files that count, in MB of 10**6 bytes."""
    total, counts = 0, True
    for line in Path("/proc/self/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):  # the first line of a mapping ends with the file's path, if it has one
            counts = counted(words[5] if len(words) > 5 else "")
        elif counts and words[0] == "Rss:":
            total += int(words[1])
    return total * 1024 / 1e6


def main() -> dict[str, float]:
    """Return the memory of what the words of the command name."""
    asked = kept_queries(Path(sys.argv[2]))[:SEARCHES]
    name, count, kept = sys.argv[1], int(sys.argv[3]), Path(sys.argv[4])
    return ours_mb(asked) if name == "semsearch" else peer_mb(name, asked, count, kept)


if __name__ == "__main__":
    as_part(main)
