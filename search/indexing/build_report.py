"""The manifest of an index build in words and rows, for people to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from search.index.calibration import CalibrationValues

Fact = tuple[str, str]  # label, value with its unit

ABSENT: Final = "–"


def _count(value: Any) -> str:
    return f"{value:,}"


def _share(value: Any) -> str:
    return f"{value:.3f}"


def _ms(value: Any) -> str:
    return f"{value:.3g} ms"


def _seconds(value: Any) -> str:
    return f"{value:,.1f} s"


def _bytes(value: Any) -> str:
    return f"{value:,.0f} bytes"


def _moment(value: Any) -> str:
    return f"{datetime.fromisoformat(value):%-d %b %Y, %H:%M} UTC"


def _words(value: Any) -> str:
    return str(value).replace("_", " ")


def _label(key: str) -> str:
    """Return a key of the manifest as a label; names of files and libraries stay as they are."""
    return key if {".", "-"} & set(key) else _words(key).capitalize()


# key of the manifest -> label, and how its value is written; in the order of the page
MEASURED: Final[Mapping[str, tuple[str, Callable[[Any], str]]]] = {
    "factory": ("Kind of index", str),
    "count": ("Vectors", _count),
    "dims": ("Dimensions", _count),
    "metric": ("Metric", _words),
    "recall_at_10": ("Recall at 10", _share),
    "latency_ms_p50": ("Median query", _ms),
    "bytes_per_vector": ("Memory a vector", _bytes),
    "effort_lists": ("Lists visited", _count),
    "effort_candidates": ("Candidates re-ranked", _count),
    "effort_margin": ("Margin of the lists", _share),
    "build_seconds": ("Built in", _seconds),
    "read_seconds": ("Of it, reading the vectors", _seconds),
    "built_at": ("Built at", _moment),
}
# shown as tables of their own
TABLES: Final = {"spec": "Feature spec", "versions": "Versions", "checksums": "Checksums (SHA-256)"}


@dataclass(frozen=True)
class TrialRow:
    """One kind of index that a build measured; `chosen` is the one that was published."""

    factory: str
    count: str
    recall_at_10: str
    query: str
    memory: str
    lists: str
    candidates: str
    margin: str
    chosen: bool


@dataclass(frozen=True)
class BuildReport:
    """What a manifest says: figures, the trials in the order they were made, and further tables by title."""

    measured: list[Fact]
    trials: list[TrialRow]
    tables: list[tuple[str, list[Fact]]]


def build_report(manifest: Mapping[str, Any]) -> BuildReport:
    """Return what a manifest says, of either engine; a key that is not known here is shown as it is."""
    known = {*MEASURED, *TABLES, "tried"}
    tables = [
        (
            title,
            [(_label(name), str(value)) for name, value in manifest[key].items() if value not in ("", None)],
        )
        for key, title in TABLES.items()
        if manifest.get(key)
    ]
    rest = [(_label(key), str(value)) for key, value in manifest.items() if key not in known]
    return BuildReport(
        measured=[(label, figure(manifest, key)) for key, (label, _) in MEASURED.items() if key in manifest],
        trials=[_trial_row(trial, manifest) for trial in manifest.get("tried") or []],
        tables=[*tables, *([("Also in the manifest", rest)] if rest else [])],
    )


def figure(manifest: Mapping[str, Any], key: str) -> str:
    """Return one of the measured figures as it is written, or a dash."""
    return _written(manifest, key, MEASURED[key][1])


def meaning_words(calibration: CalibrationValues) -> str:
    """Return in words how far off the probabilities of a calibration are, or why there are none."""
    off = "" if calibration["error"] is None else f"off by {100 * calibration['error']:.1f} points on average"
    learned = f"learned from {calibration['queries']:,} labelled images ({calibration['method']})"
    if calibration["unknown"] == "imprecise":
        return f"none: it would be {off}"
    if calibration["unknown"] is not None:
        return f"none: {'no labels' if calibration['unknown'] == 'unlabelled' else 'too few labels'}"
    return f"{off}; {learned}"


def _written(manifest: Mapping[str, Any], key: str, write: Callable[[Any], str]) -> str:
    return write(manifest[key]) if manifest.get(key) is not None else ABSENT


def _trial_row(trial: Mapping[str, Any], manifest: Mapping[str, Any]) -> TrialRow:
    alike = ("factory", "count", "recall_at_10", "bytes_per_vector", "effort_lists", "effort_candidates")
    return TrialRow(
        factory=figure(trial, "factory"),
        count=figure(trial, "count"),
        recall_at_10=figure(trial, "recall_at_10"),
        query=_written(trial, "query_ms", _ms),
        memory=figure(trial, "bytes_per_vector"),
        lists=figure(trial, "effort_lists"),
        candidates=figure(trial, "effort_candidates"),
        margin=figure(trial, "effort_margin"),
        chosen=all(trial.get(key) == manifest.get(key) for key in alike),
    )
