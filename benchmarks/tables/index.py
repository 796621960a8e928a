"""The tables of the index of a million vectors."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.tables.text import Figures, Row, Table, between, percent, shown


def index(figures: Figures) -> Table:
    """Return the index beside its peers at equal recall."""
    ours = {**figures, "name": f"semsearch ({figures['factory']})"}
    return Table(
        ("", "recall@10", "bytes a vector", "median ms", "p99 ms", "its median over ours (rounds)"),
        [
            (
                row["name"],
                shown(row["recall_at_10"], 3),
                shown(row["bytes_per_vector"]),
                shown(row["query_ms_p50"], 2),
                shown(row["query_ms_p99"], 1),
                f"{shown(row['ratio'], 2)} ({between(row['ratio_spread'])})" if row is not ours else "",
            )
            for row in (ours, *figures["peers"])
        ],
    )


def index_build(figures: Figures) -> Table:
    """Return what building the index took, trials included."""
    return Table(
        (f"{figures['count']:,} x {figures['dims']}", ""),
        [
            ("seconds, trials included", shown(figures["build_seconds"], 1)),
            ("seconds of processor time", shown(figures["build_processor_seconds"], 1)),
            ("of them reading the database, seconds", shown(figures["read_seconds"], 1)),
            ("peak of anonymous memory, MB", shown(figures["build_peak_mb"])),
            ("the same for a tenth of the vectors, MB", shown(figures["tenth_build_peak_mb"])),
            ("float16 vectors on disk, MB", shown(figures["vectors_mb"])),
        ],
    )


def index_additions(figures: Figures) -> Table:
    """Return how searches fare while images are added, beside a piece of arithmetic of fixed length."""

    def row(title: str, key: str, text: Callable[[float], str]) -> Row:
        return (title, text(figures[f"service_{key}"]), text(figures[f"adding_{key}"]))

    def ms(value: float) -> str:
        return shown(value, 1)

    return Table(
        ("", "before", f"while {figures['added']:,} images are added"),
        [
            row("searches", "searches", shown),
            row("median ms", "ms_p50", ms),
            row("p99 ms", "ms_p99", ms),
            row("slowest ms", "ms_max", ms),
            row("searches slower than twice the median before", "over_twice_the_median", percent),
            row("... than twice the median of the same query", "over_twice_its_own_median", percent),
            row("arithmetic slower than twice its median", "control_over_twice_the_median", percent),
            ("slowest addition to be found, s", "", shown(figures["added_searchable_s_max"], 2)),
        ],
    )


def index_filters(figures: Figures) -> Table:
    """Return recall and time of filtered searches, by the share of the vectors that are allowed."""
    by_share: dict[float, dict[str, Figures]] = {}
    for row in figures["filtered"]:
        by_share.setdefault(row["share"], {})[row["kind"]] = row

    def cells(row: Figures | None) -> Row:
        return (shown(row["recall_at_10"], 3), shown(row["query_ms_p50"], 1)) if row else ("", "")

    return Table(
        ("share allowed", "drawn at random: recall@10", "median ms", "farthest: recall@10", "median ms"),
        [
            (f"{100 * share:g} %", *cells(kinds.get("random")), *cells(kinds.get("farthest")))
            for share, kinds in sorted(by_share.items())
        ],
    )


def index_tried(figures: Figures) -> Table:
    """Return the kinds of index that the build tried, and what it found of each."""
    return Table(
        ("kind", "vectors", "bytes a vector", "recall@10", "lists", "margin", "candidates", "processor ms"),
        [
            (
                row["factory"],
                shown(row["count"]),
                shown(row["bytes_per_vector"]),
                shown(row["recall_at_10"], 4),
                shown(row["effort_lists"]),
                shown(row["effort_margin"], 3),
                shown(row["effort_candidates"]),
                shown(row["query_ms"], 2),
            )
            for row in figures["tried"]
        ],
    )
