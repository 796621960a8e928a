"""Exports the points of a map, packed for the page or as CSV, with what they are coloured by."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from gallery.browse.csv_cells import CsvWriter
from gallery.counts.dataset_cache import DatasetCache
from gallery.errors import NotFoundError, SemsearchError, TooLargeError
from gallery.models import Dataset, Image
from search.maps import files as map_files
from search.maps.answers import LegendAnswer
from search.maps.files import StoredMap
from search.models import Experiment, ExperimentQuery, Projection
from search.types import Ids

MAGIC, VERSION, FLAGS = b"SSMP", 1, 0
STEPS = 65_535
NONE = 65_535  # the number of a point without a category, cluster or score
MOST_IDS = 2**32
BY_CATEGORY, BY_CLUSTER, BY_SCORE = COLOURED_BY = ("category", "cluster", "score")
SCORE_STEPS = 1000
SCORE_BINS = 10
COLUMNS = ("id", "filename", "label", "x", "y")
READ_ROWS = 2000
# datasets whose labels are remembered: 10 bytes a picture each
REMEMBERED = 8

Numbers = NDArray[np.uint16]


class UnsuitableExperimentError(SemsearchError):
    """An experiment whose scores say nothing of this map."""

    code = "unsuitable_experiment"
    status = 422


@dataclass(frozen=True)
class Categories:
    """The images of a dataset, ascending, the number of each one's category, and the names by number."""

    ids: Ids
    numbers: Numbers
    names: tuple[str, ...]


@dataclass(frozen=True)
class CurrentMap:
    """What of a map is still there: ids, points (n, 2), clusters and categories (n,), ascending by id."""

    ids: Ids
    points: NDArray[np.float32]
    clusters: Numbers
    categories: Numbers
    names: tuple[str, ...]


_remembered: DatasetCache[Categories] = DatasetCache(REMEMBERED)


def version(row: Projection) -> str:
    """Return a digest that changes with the map, and with the images and labels of its dataset."""
    state = f"{row.pk} {row.file.name} {row.dataset.revision}"
    return hashlib.sha256(state.encode()).hexdigest()[:32]


def packed(row: Projection) -> bytes:
    """Return the points of a map as the page reads them, ten bytes a point.

    Little endian: "SSMP", uint32 version, count and flags (0), float32 min_x, min_y, max_x, max_y; then for
    all points in turn uint16 x, uint16 y (0 to 65,535 over the box), uint32 image id and uint16 category
    (65,535 for none; it counts the names of the legend). Points ascend by image id.
    Raises: NotFoundError when the map's file is gone; TooLargeError for image ids of more than 32 bits.
    """
    current = _current(row)
    if len(current.ids) and current.ids[-1] >= MOST_IDS:
        raise TooLargeError(
            f"Image {current.ids[-1]} has a number above 2^32, which the map's form cannot hold: "
            "read the map as CSV."
        )
    low, high = np.zeros(2, dtype=np.float32), np.zeros(2, dtype=np.float32)
    if len(current.points):
        low, high = current.points.min(axis=0), current.points.max(axis=0)
    extent = np.where(high > low, high - low, 1).astype(np.float64)
    across, up = np.rint((current.points.astype(np.float64) - low) / extent * STEPS).astype("<u2").T
    head = struct.pack("<4sIII4f", MAGIC, VERSION, len(current.ids), FLAGS, *low.tolist(), *high.tolist())
    columns = (across, up, current.ids.astype("<u4"), current.categories.astype("<u2"))
    return head + b"".join(column.tobytes() for column in columns)


def as_csv(row: Projection) -> Iterator[bytes]:
    """Yield the points of a map as lines of CSV, in pieces of some thousand. Raises: NotFoundError."""
    return _csv_pieces(_current(row))


def colours(row: Projection, by: str, experiment_id: int | None = None) -> bytes:
    """Return a uint16 for each point in the order of `packed`: category, cluster, or score from 0 to 1000.

    65,535 stands for none. The score is the weighted precision of the image in an experiment.
    Raises: NotFoundError, UnsuitableExperimentError.
    """
    return _numbers(row, by, experiment_id)[0].astype("<u2").tobytes()


def legend(row: Projection, by: str, experiment_id: int | None = None) -> LegendAnswer:
    """Return what the numbers of `colours` mean and how many points have each.

    Scores are counted in ten bins of equal width.
    Raises: NotFoundError, UnsuitableExperimentError.
    """
    numbers, names, experiment = _numbers(row, by, experiment_id)
    known = numbers[numbers != NONE].astype(np.int64)
    if by == BY_SCORE:
        width = SCORE_STEPS // SCORE_BINS
        known = np.minimum(known // width, SCORE_BINS - 1)
    return {
        "kind": by,
        "names": names,
        "counts": np.bincount(known, minlength=len(names)).tolist(),
        "none": len(numbers) - len(known),
        "experiment": experiment,
    }


def _numbers(row: Projection, by: str, experiment_id: int | None) -> tuple[Numbers, list[str], int | None]:
    """Return the number of each point, what the numbers are called, and the experiment they are from."""
    current = _current(row)
    if by == BY_CATEGORY:
        return current.categories, list(current.names), None
    if by == BY_CLUSTER:
        last = int(current.clusters[current.clusters != NONE].max(initial=0))
        return current.clusters, [f"Cluster {number + 1}" for number in range(last + 1)], None
    experiment = _experiment(row, experiment_id)
    width = 100 // SCORE_BINS
    names = [f"{start}–{start + width} %" for start in range(0, 100, width)]
    return _scores(experiment, current.ids), names, experiment.pk


def _current(row: Projection) -> CurrentMap:
    stored_map, categories = map_files.read(row), _categories(row.dataset)
    kept, places = _common(stored_map.ids, categories.ids)
    return CurrentMap(
        stored_map.ids[kept],
        stored_map.points[kept],
        _clusters(stored_map)[kept],
        categories.numbers[places[kept]],
        categories.names,
    )


def _clusters(stored_map: StoredMap) -> Numbers:
    return (
        stored_map.clusters
        if len(stored_map.clusters)
        else np.full(len(stored_map.ids), NONE, dtype=np.uint16)
    )


def _common(ids: Ids, among: Ids) -> tuple[NDArray[np.bool_], Ids]:
    """Return which of the ids are among the others, both ascending, and the place of each there."""
    places = np.searchsorted(among, ids)
    kept = places < len(among)
    kept[kept] = among[places[kept]] == ids[kept]
    return kept, places


def _categories(dataset: Dataset) -> Categories:
    return _remembered.get(dataset, lambda _: _read_categories(dataset))


def _read_categories(dataset: Dataset) -> Categories:
    rows = dataset.images.order_by("pk").values_list("pk", "category")
    ids, categories = [], []
    for pk, category in rows.iterator(chunk_size=READ_ROWS):
        ids.append(pk)
        categories.append(category)
    # more categories than numbers: what is beyond them is shown as having none
    names = tuple(sorted(set(categories) - {""})[:NONE])
    number = {name: place for place, name in enumerate(names)}
    numbers = np.array([number.get(category, NONE) for category in categories], dtype=np.uint16)
    return Categories(np.array(ids, dtype=np.int64), numbers, names)


def _experiment(row: Projection, experiment_id: int | None) -> Experiment:
    """Return the experiment asked for, or the one of the map's own features that ranks by cosine."""
    if experiment_id is None:
        own = Experiment.objects.filter(dataset=row.dataset, spec=row.spec, metric=Experiment.Metric.COSINE)
        found = own.first()
        if found is None:
            raise NotFoundError(
                "There is no experiment with these features and the metric cosine yet: compute it, "
                "then the map can be coloured by score."
            )
    else:
        found = Experiment.shown.filter(pk=experiment_id).first()
        if found is None:
            raise NotFoundError(f"There is no experiment {experiment_id}; it may have been deleted.")
        if found.dataset_id != row.dataset_id:
            raise UnsuitableExperimentError(
                f"Experiment {experiment_id} is of another dataset than this map: choose one of "
                f"{row.dataset.name}."
            )
    return found


def _scores(experiment: Experiment, ids: Ids) -> Numbers:
    rows = ExperimentQuery.objects.filter(experiment=experiment, weighted_precision__isnull=False)
    pairs = list(rows.order_by("image").values_list("image", "weighted_precision").iterator(READ_ROWS))
    scored = np.array([pk for pk, _ in pairs], dtype=np.int64)
    scores = np.array([score for _, score in pairs], dtype=np.float64)
    kept, places = _common(ids, scored)
    numbers = np.full(len(ids), NONE, dtype=np.uint16)
    numbers[kept] = np.rint(scores[places[kept]] * SCORE_STEPS).astype(np.uint16)
    return numbers


def _csv_pieces(current: CurrentMap) -> Iterator[bytes]:
    out = io.StringIO(newline="")
    writer = CsvWriter(out)
    writer.row(COLUMNS)
    for start in range(0, len(current.ids), READ_ROWS):
        ids = current.ids[start : start + READ_ROWS].tolist()
        rows = Image.objects.filter(pk__in=ids).values_list("pk", "filename", "category")
        named = {pk: names for pk, *names in rows}
        points = current.points[start : start + READ_ROWS].tolist()
        for pk, (x, y) in zip(ids, points, strict=True):
            if pk in named:
                # numbers, not texts, which a minus would make a formula
                writer.row((pk, *named[pk], Decimal(f"{x:.6g}"), Decimal(f"{y:.6g}")))
        yield out.getvalue().encode()
        out.seek(0)
        out.truncate()
    if not len(current.ids):
        yield out.getvalue().encode()


def forget() -> None:
    """Drop every remembered list of labels."""
    _remembered.clear()
