"""The tables that plan an installation: what the results say of one image, multiplied. None of it was run."""

from __future__ import annotations

from benchmarks.tables.text import Figures, Row, Table, shown

# KB an image, each measured once by hand; docs/how-to/scaling.md says how
STORED_KB = 343 + 12  # its file and its thumbnail, of 2,000 JPEGs of 1.43 megapixels on average
ROW_KB = 2.0  # its row, its embedding and their indexes on PostgreSQL
GENERATION_KB = 1.1  # its part of a FAISS generation on disk

SIZES = (100_000, 10_000_000)
PEAK_SEARCHES_PER_S = 40
# for examples only: a GB a month in a bucket, on fast disk and in memory; a core a month; a core-hour
BUCKET, DISK, MEMORY, CORE, CORE_HOUR = 0.02, 0.10, 3.0, 15.0, 0.03


def unit_costs(extract: Figures, http: Figures, index: Figures) -> Table:
    """Return what one image and one search take of a core and of memory."""
    build = 1000 * index["build_processor_seconds"] / index["count"]
    return Table(
        ("", "takes"),
        [
            ("import with extraction, core-ms an image", shown(_import_ms(extract), 1)),
            ("FAISS build, trials included, core-ms a vector", shown(build, 2)),
            ("FAISS generation in memory, bytes a vector", shown(index["bytes_per_vector"])),
            ("a search of one client, ms", shown(http["one_client_ms_p50"], 1)),
            ("a search of many clients, core-ms", shown(http["cpu_ms"], 1)),
            ("searches/s of a core", shown(_searches_per_core(http), 0)),
        ],
    )


def scale(extract: Figures, http: Figures, index: Figures) -> Table:
    """Return the work, the space and an example of the cost of large installations on FAISS."""
    build_ms = 1000 * index["build_processor_seconds"] / index["count"]

    def row(title: str, each: float, digits: int = 1) -> Row:
        return (title, *(shown(size * each, digits) for size in SIZES))

    hours = _import_ms(extract) / 3_600_000
    return Table(
        ("", *(f"{size:,} images" for size in SIZES)),
        [
            row("images and thumbnails, GB", STORED_KB / 1e6, 0),
            row("database, GB", ROW_KB / 1e6),
            row("index on disk, GB", GENERATION_KB / 1e6),
            row("index in memory, shared by processes, MB", index["bytes_per_vector"] / 1e6, 0),
            row("import and extraction, core-hours", hours),
            row("index build, core-minutes", build_ms / 60_000),
            ("searches/s of a core", *(shown(_searches_per_core(http)),) * len(SIZES)),
            ("example: cost a month", *(shown(_month(size, http, index)) for size in SIZES)),
            ("example: cost of the import, once", *(shown(size * hours * CORE_HOUR, 2) for size in SIZES)),
        ],
    )


def _import_ms(extract: Figures) -> float:
    """Return the core-milliseconds of one image: the import keeps all cores busy."""
    return 1000 * float(extract["machine"]["cores"]) / float(extract["images_per_s"])


def _searches_per_core(http: Figures) -> float:
    return float(http["requests_per_s"]) / float(http["machine"]["cores"])


def _month(size: int, http: Figures, index: Figures) -> float:
    stored = size * STORED_KB / 1e6 * BUCKET
    on_disk = size * (ROW_KB + GENERATION_KB) / 1e6 * DISK
    in_memory = size * float(index["bytes_per_vector"]) / 1e9 * MEMORY
    return stored + on_disk + in_memory + PEAK_SEARCHES_PER_S / _searches_per_core(http) * CORE
