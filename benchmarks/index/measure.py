"""The index of a million realistic vectors, built as the site builds it, beside others at equal recall."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from benchmarks.index import million
from benchmarks.index.peers import needs as peers_needs
from benchmarks.index.peers import peers
from benchmarks.needs import Need
from benchmarks.processes import found_by
from benchmarks.serving import manage

COUNT = 1_000_000
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def index(count: int | None = None) -> dict[str, Any]:
    """Measure the build, searches and filters beside the peers, and additions while searches go on.

    Without a count it is a million, or as many as the pictures at hand give. Vectors, database and peers are
    made by the first run and kept in the cache: with a million that takes an hour or two, mostly for the
    graphs. The queries are of pictures that are not in the index. Files lie in the page cache: figures are
    those of a warm machine.
    """
    folder = million.made(settings.CACHE_ROOT)
    count = count or min(COUNT, million.facts(folder)["count"])
    home = folder / f"home-{count}"
    home.mkdir(exist_ok=True)
    manage(home, "migrate")
    _step(home, "index.rows", str(folder), str(count))
    built = _step(home, "index.build")
    part = _step(home, "index.build", str(count // 10))
    kept = folder / f"peers-{count}"
    _prepare_peers(folder, count, kept)
    asked = _step(home, "index.queries", str(folder), str(count), str(kept), **ONE_THREAD)
    added = _step(home, "index.additions", str(folder), **ONE_THREAD)
    manifest = built["manifest"]
    for one in (asked, *asked["peers"]):
        one["bytes_per_vector"] = round(one.pop("mb") * 1e6 / count, 1)
    graphs = [peer for peer in asked["peers"] if peer["effort"]]
    return {
        "count": manifest["count"],
        "dims": manifest["dims"],
        "recall_at_10": asked.pop("recall_at_10"),
        "bytes_per_vector": asked["bytes_per_vector"],
        "query_ms_p50": asked.pop("query_ms_p50"),
        "query_ms_p99": asked.pop("query_ms_p99"),
        "build_seconds": built["seconds"],
        "build_processor_seconds": built["processor_seconds"],
        "best_peer_ms_p50": min((peer["query_ms_p50"] for peer in graphs), default=None),
        "ratio": min((peer["ratio"] for peer in graphs), default=None),
        "least_peer_bytes": (least := min((peer["bytes_per_vector"] for peer in graphs), default=0.0)),
        "memory_ratio": round(least / asked["bytes_per_vector"], 1),
        "build_peak_mb": built["peak_mb"],
        "tenth_build_peak_mb": part["peak_mb"],
        **{key: value for key, value in asked.items() if key != "bytes_per_vector"},
        **added,
        **{name: manifest[name] for name in ("factory", "effort_lists", "effort_candidates", "tried")},
        "index_bytes_per_vector": manifest["bytes_per_vector"],
        "read_seconds": manifest["read_seconds"],
        "engines": million.facts(folder)["engines"],
    }


def needs(count: int | None = None) -> list[Need]:
    """Return what is missing for so many vectors and for the peers."""
    return million.needs(COUNT if count is None else count) + peers_needs()


def _prepare_peers(folder: Path, count: int, kept: Path) -> None:
    kept.mkdir(exist_ok=True)
    missing = [peer for peer in peers() if not (kept / peer.file).exists()]
    if not missing:
        return
    base = million.kept_collection(folder, count).base
    total = np.zeros(base.shape[1])
    for start in range(0, count, 65_536):
        total += base[start : start + 65_536].sum(axis=0, dtype=np.float64)
    centre = (total / count).astype(np.float32)

    def units(start: int, stop: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        rows = base[start:stop].astype(np.float32) - centre
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return rows

    for peer in missing:
        print(f"building {peer.name}", file=sys.stderr, flush=True)
        try:
            peer.prepare(units, count, kept)
        except ImportError:
            print(f"{peer.name} is left out: pip install -r requirements-bench.txt", file=sys.stderr)


def _step(home: Path, module: str, *words: str, **environment: str) -> dict[str, Any]:
    """Run one part in a process of its own on a state folder, and return what it found."""
    own = {"SEMSEARCH_HOME": str(home), "DJANGO_SETTINGS_MODULE": "semsearch_site.settings"}
    print(module, *words, file=sys.stderr, flush=True)
    return found_by(module, *words, environment=os.environ | own | environment)
