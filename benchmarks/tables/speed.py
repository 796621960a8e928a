"""The tables of extraction, serving, maps, pages, workers and memory."""

from __future__ import annotations

from benchmarks.suite import BENCHMARKS
from benchmarks.tables.text import Figures, Row, Table, between, ends, percent, shown


def extraction(figures: Figures) -> Table:
    """Return what import and extraction reach, beside the original's way and beside their bounds."""
    ours = float(figures["images_per_s"])

    def row(title: str, key: str, rounds: str, share: float | None) -> Row:
        spread = between(ends(figures["rounds"][rounds]), 1) if rounds else ""
        return (title, shown(figures[key], 1), spread, "" if share is None else percent(share, 0))

    faster = f"{shown(figures['ratio'], 1)} times as fast ({between(figures['ratio_spread'], 1)})"
    peer = (*row("the original's way", "peer_images_per_s", "peer", None)[:3], faster)
    both, decoder = figures["of_shared_bound"], ours / float(figures["decoder_images_per_s"])
    return Table(
        ("", "images/s", "rounds", "semsearch reaches"),
        [
            row("semsearch, import included", "images_per_s", "ours", None),
            peer,
            row("the network alone, on ready tensors", "engine_images_per_s", "engine", figures["of_bound"]),
            row("the decoder alone", "decoder_images_per_s", "decoder", decoder),
            row("both, sharing the cores", "shared_bound_images_per_s", "", both),
        ],
    )


def stages(figures: Figures) -> Table:
    """Return how long each stage of the import worked, in seconds and as a share of all of them."""
    spent: dict[str, float] = figures["stages"]
    total = sum(spent.values())
    return Table(
        ("stage", "s", "share"),
        [
            (name.removesuffix("_s"), shown(seconds, 1), percent(seconds / total, 0))
            for name, seconds in sorted(spent.items(), key=lambda item: -item[1])
        ],
    )


def engine(figures: Figures) -> Table:
    """Return what the engine measured on this machine before it chose a precision and its streams."""
    precision, batches = figures["calibration"]["precision"], figures["calibration"].get("batches", {})
    rows: list[Row] = [(f"one image in {name}, ms", shown(ms, 1)) for name, ms in precision["ms"].items()]
    rows += [
        (f"cosine of {precision['precision']} to f32: mean", shown(precision["mean_cosine"], 4)),
        (f"cosine of {precision['precision']} to f32: lowest", shown(precision["lowest_cosine"], 4)),
    ]
    for name, speed in batches.get("images_per_s", {}).items():
        streams, chunk = name.split("x")
        rows.append((f"streams: {streams}, images a request: {chunk}, images/s", shown(speed, 1)))
    chosen = str(precision["precision"])
    if batches:  # the number of streams may be the engine's own choice
        chosen += f", {batches['streams']} streams of {batches['chunk']}"
    return Table(("", "measured"), [*rows, ("chosen", chosen)])


def serving(http: Figures) -> Table:
    """Return what a search over HTTP takes, beside the original's way on the same web server."""
    rows = [*_one_client(http), *_many_clients(http), *_web_process(http)]
    return Table(("", "semsearch", "the original's way", "ratio (rounds)"), rows)


def refined(query: Figures) -> Table:
    """Return what each way to refine a search takes, and what share of a plain one that is."""
    plain = float(query["query_ms_p50"])
    lines = [line for line in BENCHMARKS["query"].lines if line.other == "query_ms_p50"]
    rows = [("a plain query", "query_ms_p50"), *((line.title, line.ours) for line in lines)]
    return Table(
        ("one search, median ms", "", "of a plain one"),
        [(title, shown(query[key], 1), percent(query[key] / plain, 0)) for title, key in rows],
    )


def _beside(http: Figures, title: str, key: str, ratio: str = "", digits: int = 1) -> Row:
    spread = f"{shown(http[ratio], 1)} ({between(http[f'{ratio}_spread'], 1)})" if ratio else ""
    return (title, shown(http[key], digits), shown(http[f"peer_{key}"], digits), spread)


def _one_client(http: Figures) -> list[Row]:
    return [
        _beside(http, "one client, median ms", "one_client_ms_p50", "one_client_ratio"),
        _beside(http, "one client, first searches of a round, median ms", "one_client_cold_ms_p50"),
    ]


def _many_clients(http: Figures) -> list[Row]:
    many = f"{http['clients']} clients"
    return [
        _beside(http, f"{many}, searches/s", "requests_per_s", "ratio"),
        _beside(http, f"{many}, median ms", "ms_p50", digits=0),
        _beside(http, f"{many}, p99 ms", "ms_p99", digits=0),
        _beside(http, f"{many}, processor ms a search", "cpu_ms", "cpu_ratio"),
        _beside(http, f"{many}, errors", "errors", digits=0),
    ]


def _web_process(http: Figures) -> list[Row]:
    loaded, peer = shown(http["web_rss_after_load_mb"]), shown(http["peer_web_rss_mb"])
    return [
        ("web process after the first query, MB", shown(http["web_rss_mb"]), "", ""),
        ("web process after the load, MB", loaded, peer, ""),
        ("seconds until ready, from a warm start", shown(http["ready_s"], 1), "", ""),
    ]


def projection(figures: Figures) -> Table:
    """Return UMAP beside umap-learn with the same seed, for both metrics."""

    def row(metric: str, title: str, key: str, digits: int) -> Row:
        of: Figures = figures if metric == "cosine" else figures[metric]
        ratio = f"{shown(of['ratio'], 1)} ({between(of['ratio_spread'], 1)})" if key == "seconds" else ""
        return (f"{metric}: {title}", shown(of[key], digits), shown(of[f"peer_{key}"], digits), ratio)

    kinds = [("seconds", "seconds", 2), ("trustworthiness", "trustworthiness", 3)]
    kinds.append(("neighbour agreement", "neighbour_agreement", 3))
    return Table(
        (f"UMAP of {figures['count']:,} vectors", "semsearch", "umap-learn", "ratio (rounds)"),
        [row(metric, *kind) for metric in ("cosine", "euclidean") for kind in kinds],
    )


def drawing(figures: Figures) -> Table:
    """Return what drawing a map takes in software rendering, beside deck.gl in the same browser."""

    def row(title: str, key: str, digits: int = 0) -> Row:
        peer = figures.get(f"peer_{key}")
        million = figures["million"].get(key)
        others = (shown(value, digits) if value is not None else "" for value in (peer, million))
        return (title, shown(figures[key], digits), *others)

    return Table(
        (f"{figures['points']:,} points", "semsearch", "deck.gl", "semsearch, 1,000,000 points"),
        [
            row("first image, ms", "first_picture_ms"),
            row("everything drawn after it comes to rest, ms", "rest_ms"),
            row("frames/s while it moves (the last image moved)", "frames_per_s", 1),
            row("points drawn anew while it moves, times a second", "redrawn_per_s", 1),
        ],
    )


def pages(figures: Figures) -> Table:
    """Return what pages take of a large and of a small dataset in one database."""
    every = [*figures["pages"], *figures["pages_of_all_datasets"]]
    return Table(
        ("page, median ms", f"of {figures['count']:,}", f"of {figures['compared_with']:,}"),
        [(row["page"], shown(row["ms"], 1), shown(row["of_few_ms"], 1)) for row in every],
    )


def grid(figures: Figures) -> Table:
    """Return what the random grid takes once an image in its middle is gone."""
    return Table(
        ("random grid with gaps in the ids", "ms"),
        [
            ("first window of a process", shown(figures["random_with_gaps_first_ms"])),
            ("every later window, median", shown(figures["random_with_gaps_ms"], 1)),
        ],
    )


def workers(figures: Figures) -> Table:
    """Return what a second worker brings."""

    def rounds(name: str) -> str:
        return between(ends(figures["rounds"][name]), 1)

    ratio = f"{shown(figures['ratio'], 2)} ({between(figures['ratio_spread'])})"
    return Table(
        ("workers of one core each", "images/s", "rounds", "ratio (rounds)"),
        [
            ("one", shown(figures["one_images_per_s"], 1), rounds("one"), ""),
            ("two", shown(figures["two_images_per_s"], 1), rounds("two"), ratio),
        ],
    )


def chaos(figures: Figures) -> Table:
    """Return what a run took in which parts of the site were killed, and what was lost."""
    kills = ", ".join(f"{part} {times}" for part, times in figures["kills"].items())
    lost = figures["missing"] + figures["orphans"] + figures["embedded_twice"]
    return Table(
        (f"{figures['images']:,} images, {figures['workers']} workers", ""),
        [
            ("kills", kills),
            ("seconds", shown(figures["seconds"], 1)),
            ("seconds allowed: 1.5 times undisturbed, plus time down", shown(figures["limit_seconds"], 1)),
            ("seconds undisturbed / down", f"{figures['undisturbed_seconds']} / {figures['down_seconds']}"),
            ("embedded / indexed", f"{figures['embeddings']:,} / {figures['indexed']:,}"),
            ("lost, orphaned or embedded twice", shown(lost)),
        ],
    )


def memory(figures: Figures) -> Table:
    """Return the most memory that import and index take, for some images and for ten times as many."""
    return Table(
        ("images", "import with extraction, peak MB", "index build, peak MB"),
        [
            (shown(step["images"]), shown(step["import_peak_mb"]), shown(step["index_peak_mb"]))
            for step in figures["steps"]
        ],
    )
