"""The table of the first page: what a newcomer asks first, each figure beside a peer."""

from __future__ import annotations

from benchmarks.tables.text import Figures, Row, Table, shown


def readme(extract: Figures, http: Figures, index: Figures, umap: Figures, drawn: Figures) -> Table:
    """Return the figures that a newcomer asks for first, each beside a peer."""
    return Table(
        ("", "semsearch", "peer", "ratio"),
        [*_readme_search(extract, http), *_readme_index(index), *_readme_maps(umap, drawn)],
    )


def _readme_search(extract: Figures, http: Figures) -> list[Row]:
    original = "the original"
    return [
        (
            "import and extraction, images/s",
            shown(extract["images_per_s"], 1),
            f"{shown(extract['peer_images_per_s'], 1)} ({original})",
            shown(extract["ratio"], 1),
        ),
        (
            "live query over HTTP, one client, median ms",
            shown(http["one_client_ms_p50"], 1),
            f"{shown(http['peer_one_client_ms_p50'], 1)} ({original})",
            shown(http["one_client_ratio"], 1),
        ),
        (
            f"live queries, {http['clients']} clients, searches/s",
            shown(http["requests_per_s"], 1),
            f"{shown(http['peer_requests_per_s'], 1)} ({original})",
            shown(http["ratio"], 1),
        ),
    ]


def _readme_index(index: Figures) -> list[Row]:
    graph = _fastest_graph(index)
    return [
        (
            f"one of {index['count']:,} vectors, median ms",
            shown(index["query_ms_p50"], 2),
            f"{shown(graph['query_ms_p50'], 2)} ({graph['name']})",
            shown(graph["ratio"], 2),
        ),
        (
            "the same: recall among the first ten",
            shown(index["recall_at_10"], 3),
            shown(graph["recall_at_10"], 3),
            "",
        ),
        (
            "the same: memory, bytes a vector",
            shown(index["bytes_per_vector"]),
            shown(graph["bytes_per_vector"]),
            shown(graph["bytes_per_vector"] / index["bytes_per_vector"]),
        ),
    ]


def _fastest_graph(index: Figures) -> Figures:
    graphs: list[Figures] = [peer for peer in index["peers"] if peer["effort"]]
    return min(graphs, key=lambda peer: float(peer["query_ms_p50"]))


def _readme_maps(umap: Figures, drawn: Figures) -> list[Row]:
    return [
        (
            f"UMAP of {umap['count']:,} vectors, same seed, s",
            shown(umap["seconds"], 2),
            f"{shown(umap['peer_seconds'], 1)} (umap-learn)",
            shown(umap["ratio"], 1),
        ),
        (
            "the same: trustworthiness",
            shown(umap["trustworthiness"], 3),
            shown(umap["peer_trustworthiness"], 3),
            "",
        ),
        (
            f"map of {drawn['points']:,} points without a GPU, ms until all of it is drawn",
            shown(drawn["rest_ms"]),
            f"{shown(drawn['peer_rest_ms'])} (deck.gl)",
            shown(drawn["peer_rest_ms"] / drawn["rest_ms"], 1),
        ),
    ]
