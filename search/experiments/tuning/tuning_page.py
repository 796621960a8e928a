"""What the page of a tuning shows: figures, the learning curve as a drawing, and the job under way."""

from __future__ import annotations

from dataclasses import dataclass

from gallery.models import Dataset, Job
from search import job_kinds
from search.experiments.tuning.tuning_answers import TuningAnswer, tuning_answer
from search.models import Projection
from search.tuned.figures import PointValues

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 86, 18, 36
LEAST_RANGE = 10.0  # points of percent, so that noise does not fill the drawing
ROUND_TO = 5


@dataclass(frozen=True)
class DrawnPoint:
    """A point of the curve in the drawing's own pixels, with its bounds; `name` is written below it."""

    x: float
    y: float
    low: float
    high: float
    name: str
    words: str


@dataclass(frozen=True)
class Drawing:
    """The learning curve: points from left to right, the line of what is found without, and its scale."""

    points: list[DrawnPoint]
    line: str
    band: str
    before: float
    ticks: list[tuple[float, str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True)
class TuningPage:
    """Everything on the page of a dataset's tuning."""

    dataset: Dataset
    tuning: TuningAnswer
    drawing: Drawing | None
    job: Job | None
    map: Projection | None

    @property
    def gain(self) -> float:
        """The points that all labels gain."""
        learned = self.tuning["learned"]
        return learned["curve"][-1]["gain"] if learned else 0.0


def tuning_page(dataset: Dataset) -> TuningPage:
    """Return what is shown of a dataset."""
    tuning = tuning_answer(dataset)
    learned = tuning["learned"]
    active = Job.objects.filter(
        dataset=dataset, kind__in=(job_kinds.TUNE, job_kinds.PROMOTE), state__in=Job.ACTIVE
    )
    maps = Projection.objects.filter(dataset=dataset).exclude(spec__tuning="")
    drawing = drawing_of(learned["weighted_precision_before"], learned["curve"]) if learned else None
    tuned_map = maps.select_related("spec").order_by("-pk").first()
    return TuningPage(dataset, tuning, drawing, active.order_by("pk").first(), tuned_map)


def drawing_of(before: float, points: list[PointValues]) -> Drawing:
    """Return the learning curve as a drawing: precision upwards, labels to the right, each step as wide."""
    values = [before, *(before + point["gain_low"] for point in points)]
    values += [before + point["gain_high"] for point in points]
    low, high = _range(min(values), max(values))

    def up(value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    wide = (WIDTH - LEFT - RIGHT) / max(1, len(points))
    drawn = [
        DrawnPoint(
            x=round(LEFT + (number + 1) * wide, 1),
            y=up(point["weighted_precision"]),
            low=up(before + point["gain_low"]),
            high=up(before + point["gain_high"]),
            name="all" if point["all_labels"] else f"{point['labels']:.0f}",
            words=_words(point),
        )
        for number, point in enumerate(points)
    ]
    start = f"{LEFT},{up(before)}"
    upper, lower = ([f"{p.x},{p.high}" for p in drawn], [f"{p.x},{p.low}" for p in reversed(drawn)])
    ticks = [(up(value), f"{value:.0f}") for value in _ticks(low, high)]
    return Drawing(
        points=drawn,
        line=" ".join([start, *(f"{p.x},{p.y}" for p in drawn)]),
        band=" ".join([start, *upper, *lower]),
        before=up(before),
        ticks=ticks,
    )


def _words(point: PointValues) -> str:
    labels = f"{point['labels']:.0f} labels a category"
    return f"{'all, ' if point['all_labels'] else ''}{labels}: {point['weighted_precision']:.1f} %"


def _range(least: float, most: float) -> tuple[float, float]:
    low = max(0.0, least // ROUND_TO * ROUND_TO)
    high = min(100.0, -(-most // ROUND_TO) * ROUND_TO)
    return (
        (low, high) if high - low >= LEAST_RANGE else (max(0.0, high - LEAST_RANGE), max(high, LEAST_RANGE))
    )


def _ticks(low: float, high: float) -> list[float]:
    step = 5 if high - low <= 25 else 10 if high - low <= 50 else 20
    first = -(-low // step) * step
    return [first + step * number for number in range(int((high - first) // step) + 1)]
