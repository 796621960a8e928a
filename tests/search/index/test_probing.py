"""A margin chooses as many lists as each query needs, and finds what visiting lists one knows would."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from search.index.faiss.generation import Manifest
from search.index.faiss.index import FaissIndex, SearchEffort
from search.index.faiss.kinds import filled
from search.index.faiss.probing import AdaptiveProbe, within
from search.index.faiss.stored_vectors import MappedVectors
from search.index.faiss.tuning import by_margin, recall_samples
from tests.search.index.conftest import COUNT
from tests.search.index.test_faiss import DIMS

FACTORIES = [
    f"RR{DIMS},IVF128,RaBitQ",
    f"RR{DIMS},IVF128,RaBitQfs",
    f"PCAR{DIMS // 2},IVF128,RaBitQ",
    f"IVF128,PQ{DIMS // 4}x4fsr",
    "IVF128,SQ8",
]


@pytest.fixture(scope="module", params=FACTORIES)
def index(stored: MappedVectors, request: pytest.FixtureRequest) -> FaissIndex:
    return filled(request.param, stored, COUNT)


def test_lists_are_those_within_the_margin_and_no_fewer_than_wanted() -> None:
    scores = np.array([[0.8, 0.7, 0.5, 0.1], [1.0000001, 0.99, 0.9, 0.8]], dtype=np.float32)
    sine = 0.6  # of the angle whose cosine is 0.8; the other query lies on a centre
    assert within(scores, 0.11 / sine, 1).sum(axis=1).tolist() == [2, 1]
    assert within(scores, 0.31 / sine, 1).sum(axis=1).tolist() == [3, 1]
    assert within(scores, 0.31 / sine, 2).sum(axis=1).tolist() == [3, 2]


def test_a_graph_of_the_centres_leads_to_the_same_lists(
    stored: MappedVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = filled(FACTORIES[0], stored, COUNT)
    queries = stored.units(stored.ids[5:600:20])
    plain = AdaptiveProbe(index._ivf, index._transform())
    monkeypatch.setattr("search.index.faiss.probing.GRAPH_FROM", 100)
    graph = AdaptiveProbe(index._ivf, index._transform())
    for margin in (0.2, 100.0):  # the second is beyond what the graph is asked for
        same = plain.propose(queries, 40, margin, (1, 128)) == graph.propose(queries, 40, margin, (1, 128))
        assert same.mean() > 0.97


def test_with_every_list_within_the_margin_everything_proposed_is_the_same(
    index: FaissIndex, stored: MappedVectors
) -> None:
    queries = stored.units(stored.ids[:300:10])
    all_lists = index.search(queries, 10, effort=SearchEffort(128, 200))
    wide = index.search(queries, 10, effort=SearchEffort(128, 200, margin=100.0))
    assert (all_lists.ids == wide.ids).mean() > 0.99  # bits of a query may be rounded in another way
    assert wide.ids[:, 0].tolist() == stored.ids[:300:10].tolist()


def test_queries_together_find_what_each_finds_alone(index: FaissIndex, stored: MappedVectors) -> None:
    queries = stored.units(stored.ids[5:600:20])
    effort = SearchEffort(32, 64, margin=0.4)
    together = index.search(queries, 10, effort=effort)
    alone = np.vstack([index.search(query[None], 10, effort=effort).ids for query in queries])
    assert (together.ids == alone).mean() > 0.99  # a product of matrices may round otherwise at the edge


def test_a_deep_page_visits_what_it_needs(index: FaissIndex, stored: MappedVectors) -> None:
    found = index.search(stored.units(stored.ids[:1]), 3_000, effort=SearchEffort(2, 8, margin=0.05))
    assert (found.ids >= 0).all()
    everything = index.search(stored.units(stored.ids[:1]), COUNT, effort=SearchEffort(2, 8, margin=0.05))
    assert sorted(everything.ids[0].tolist()) == stored.ids.tolist()


def test_a_margin_is_tuned_that_reaches_the_recall(stored: MappedVectors) -> None:
    index = filled(FACTORIES[0], stored, COUNT)
    exam, other = recall_samples(stored, (200, 100))
    trial = by_margin(index, exam, 16, 0.98)[0]
    assert trial.effort_margin > 0
    assert trial.recall_at_10 >= 0.98
    found = index.search(other.queries, 11, effort=trial.effort)
    assert other.recall(found.ids, found.scores) >= 0.96


def test_a_manifest_without_a_margin_is_read(tmp_path: Path) -> None:
    numbers = dict.fromkeys(
        ("recall_at_10", "bytes_per_vector", "latency_ms_p50", "build_seconds", "read_seconds"), 1.0
    )
    old = {
        "spec": {}, "metric": "inner_product", "factory": "IVF128,SQ8", "count": 1, "dims": 2, "format": 2,
        "checksums": {}, "versions": {}, "effort_lists": 16, "effort_candidates": 40, "tried": [],
        "built_at": "",
    }  # fmt: skip
    (tmp_path / "manifest.json").write_text(json.dumps(old | numbers))
    assert Manifest.read(tmp_path).effort == SearchEffort(16, 40, margin=0.0)
