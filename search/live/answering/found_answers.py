"""What a query document is answered with, as plain values."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypeAlias, TypedDict

from gallery.browse.image_summaries import Addresses
from gallery.models import Dataset
from search.features.cell_answers import Cells, Square
from search.index.calibration import Calibration, Method
from search.index.live import SearchPath
from search.live.answering.answers import (
    ImageValues,
    QueryImageAnswer,
    TimingsAnswer,
    image_values,
    query_image,
    timings_answer,
)
from search.live.answering.config_answers import ConfigAnswer, config_answer
from search.live.answering.explanation_answers import cells_of_hit
from search.live.answering.folded_answers import FoldedAnswer, GroupAnswer, folded_answer, group_answer
from search.live.document import Kind
from search.live.engine import Found
from search.live.examples.example_images import ReadExample
from search.live.finding.hits import Hit, ShownImage, shown
from search.live.finding.index_queries import ProbabilityUnknown
from search.live.finding.ranking import AskedIndex
from search.words.meanings import ReadWord

LABELS_TOLD = 20

Box: TypeAlias = Annotated[
    tuple[float, float, float, float] | None,
    "Where in the image it matches, as shares of its sides: x0, y0, x1, y1; null for all of it.",
]


class WordAnswer(TypedDict):
    """What a word was taken for."""

    word: str
    known: Annotated[
        bool, "Whether a vocabulary or a label has it; where none has, names alone were looked at."
    ]
    meaning: Annotated[str | None, "As ImageNet's classes and WordNet have it; null where they do not."]
    classes: Annotated[int, "How many classes of the network lie in it."]
    labels: Annotated[list[str], "Labels that say it."]
    others: Annotated[list[str], "Its other meanings, as they are spelled to be asked for."]
    nearest: Annotated[list[str], "Of a word that is not known: words spelled much alike."]
    note: Annotated[str, "What to tell people of it; empty where it is known."]


class TextModelAnswer(TypedDict):
    """A model that answers free text."""

    model: str
    title: str
    licence: str
    datasets: Annotated[list[str], "Whose live features it has made (slugs)."]


class TextAnswer(TypedDict):
    """Who answered a text: its hits are ranked by the cosine of the vectors of text and image."""

    text: str
    answered_by: Annotated[
        list[TextModelAnswer], "Empty where no model that reads text is live: no hits then."
    ]
    not_searched: Annotated[list[str], "Datasets (slugs) where none is live."]
    note: Annotated[str, "What to tell people where it was not searched everywhere; empty elsewhere."]


class FoundRankedAnswer(TypedDict):
    """The place of a result, and how near it is."""

    rank: int
    image: int
    score: Annotated[float | None, "A cosine, higher is nearer; null where nothing was searched with."]
    probability: Annotated[float | None, "That it is of the query's category; null where that is unknown."]
    percentile: Annotated[
        float | None, "Share of random pairs of the dataset that are less near; null where that is unknown."
    ]
    box: Box
    matched: Annotated[
        Literal["label", "filename", "metadata", "suggested", "alike"] | None,
        "How it fits the words of a search without examples; `suggested` by a classifier, whose calibrated "
        "confidence `probability` is then; `alike` looks like the first of the others.",
    ]


class FoundHitAnswer(FoundRankedAnswer, ImageValues):
    """One result."""

    shown_url: Annotated[str, "Of the image as browsers show it, whatever the format of its file."]
    query_cells: NotRequired[
        Annotated[
            Cells | None, "With `explain`: rows of shares of the query's image, which add up to the score."
        ]
    ]
    query_square: NotRequired[Square | None]
    hit_cells: NotRequired[
        Annotated[Cells | None, "With `explain`: rows of shares of this image, which add up to the score."]
    ]
    hit_square: NotRequired[Square | None]
    folded: NotRequired[Annotated[list[FoldedAnswer], "With `fold`: the hits behind it that it stands for."]]


class ExampleAnswer(TypedDict):
    """An image that was searched with."""

    kind: Kind
    image: QueryImageAnswer | None
    upload: str | None
    url: str | None
    weight: float
    box: Annotated[
        tuple[float, float, float, float] | None, "The part of it that was searched with; null for all of it."
    ]
    thumbnail: Annotated[str | None, "A small copy, as a data: URL; of what is no stored image."]
    width: int
    height: int


class CalibrationAnswer(TypedDict):
    """How well probabilities are known."""

    method: Method
    queries: Annotated[int, "Labelled images whose neighbours they were learned from."]
    same: Annotated[float, "The share of these neighbours that were of the query's category."]
    error: Annotated[
        float, "Expected calibration error, by cross-validation: how far off they are on average."
    ]


class AskedIndexAnswer(TypedDict):
    """How the index of a dataset was asked."""

    index: int
    dataset: str
    config: ConfigAnswer
    searched: Annotated[int, "Vectors that it holds."]
    filtered_to: Annotated[int | None, "How many of them the filter allows; null without one and for `many`."]
    parts: Annotated[int, "Parts of each image that were looked at besides; 0 where none are indexed."]
    path: Annotated[
        SearchPath,
        "`exact` compares all that are allowed, `approximate` looks where the nearest are likely, `selector` "
        "looks there for what the filter allows.",
    ]
    calibration: CalibrationAnswer | None
    probability_unknown: Annotated[
        ProbabilityUnknown | None,
        "Why hits have no `probability`; null where they have one. `unlabelled`, `few` labels or an "
        "`imprecise` map of a dataset; `unfitted` as yet; `steered`, `filtered` or of a `text`: such scores "
        "are other ones than it is learned from.",
    ]


class FoundAnswer(TypedDict):
    """One page of what a query document found."""

    like: list[ExampleAnswer]
    unlike: list[ExampleAnswer]
    hits: list[FoundHitAnswer]
    next: Annotated[str | None, "The `cursor` of the next page; null on the last."]
    searched: Annotated[
        int,
        "Vectors in the indexes that were asked; without examples and text, images, with `many` those known "
        "of.",
    ]
    filtered_to: Annotated[int | None, "How many of them the filter allows; null without one and for `many`."]
    many: Annotated[bool, "Whether the filter leaves so many that counting them was given up."]
    words: list[WordAnswer]
    text: TextAnswer | None
    names_given_up: Annotated[bool, "Whether there were too many file names and metadata to look for words."]
    below_cutoff: Annotated[int | None, "Hits of this page below the cut-off; null where that is unknown."]
    config: Annotated[ConfigAnswer | None, "Null where the indexes differ, or none was asked."]
    indexes: list[AskedIndexAnswer]
    groups: NotRequired[
        Annotated[
            list[GroupAnswer] | None,
            "With `group`: those of the first hits, largest first; null on later pages and without examples.",
        ]
    ]
    timings_ms: TimingsAnswer


class _Groups(TypedDict):
    groups: NotRequired[list[GroupAnswer] | None]


def found_answer(found: Found) -> FoundAnswer:
    """Return what was found as plain values."""
    document = found.document
    datasets = Dataset.objects.filter(pk__in=[one.index.dataset_id for one in found.indexes])
    slugs = dict(datasets.values_list("pk", "slug"))
    indexes = [_asked(one, slugs.get(one.index.dataset_id, "")) for one in found.indexes]
    configs = [one["config"] for one in indexes]
    groups: _Groups = {}
    if document.group:
        groups = {"groups": None if found.groups is None else list(map(group_answer, found.groups))}
    addresses = Addresses()
    filtered = not document.where.is_open and not found.is_many
    return {
        "like": [_example(one) for one in found.like],
        "unlike": [_example(one) for one in found.unlike],
        "hits": _with_folded(
            _explained(
                [
                    _hit(rank, hit, image, addresses, found)
                    for rank, (hit, image) in enumerate(found.shown_images, start=document.skipped + 1)
                ],
                found,
            ),
            found,
        ),
        "next": _cursor(found),
        "searched": found.searched,
        "filtered_to": (found.reached if document.asks_vectors else found.searched) if filtered else None,
        "many": found.is_many,
        "words": word_answers(found),
        "text": text_answer(found),
        "names_given_up": found.word_query is not None and found.word_query.found.names_given_up,
        "below_cutoff": found.below_cutoff,
        "config": configs[0] if configs and all(one == configs[0] for one in configs) else None,
        "indexes": indexes,
        **groups,
        "timings_ms": timings_answer(found.timings_ms),
    }


def _cursor(found: Found) -> str | None:
    """Return where the next page begins: after so many hits and, where none is nearer, below an id."""
    if not found.has_next:
        return None
    skipped = found.document.skipped + len(found.hits) + len(found.images)
    listed = found.document.kind == "browse"
    return f"{skipped}.{found.images[-1].pk}" if listed else str(skipped)


def ranked(rank: int, hit: Hit | None, image: ShownImage, found: Found) -> FoundRankedAnswer:
    """Return the place of an image, and what is known of it as a hit, or of how it fits words alone."""
    match = found.matches.get(image.pk)
    known = match or hit
    return {
        "rank": rank,
        "image": image.pk,
        "score": None if hit is None else round(hit.score, 6),
        "probability": None if known is None else _rounded(known.probability),
        "percentile": None if hit is None else _rounded(hit.percentile),
        "box": None if hit is None else hit.box,
        "matched": match.matched if match else "alike" if found.document.kind == "words" else None,
    }


def word_answers(found: Found) -> list[WordAnswer]:
    """Return what the words of a document were taken for."""
    return [_word(one) for one in found.word_query.found.words] if found.word_query else []


def text_answer(found: Found) -> TextAnswer | None:
    """Return who answered the text of a document, None without one."""
    query = found.text_query
    if query is None:
        return None
    return {
        "text": query.text,
        "answered_by": [
            {
                "model": model.name,
                "title": model.title,
                "licence": model.licence,
                "datasets": [query.datasets[index.dataset_id].slug for index in indexes],
            }
            for model, indexes in query.answered
        ],
        "not_searched": [dataset.slug for dataset in query.unanswered],
        "note": query.note,
    }


def _word(one: ReadWord) -> WordAnswer:
    return {
        "word": one.word,
        "known": one.known,
        "meaning": one.meaning.title if one.meaning else None,
        "classes": len(one.meaning.classes) if one.meaning else 0,
        "labels": list(one.labels[:LABELS_TOLD]),
        "others": list(one.others),
        "nearest": list(one.nearest),
        "note": one.note,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _hit(rank: int, hit: Hit | None, image: ShownImage, addresses: Addresses, found: Found) -> FoundHitAnswer:
    return {
        **ranked(rank, hit, image, found),
        **image_values(image, addresses),  # type: ignore[typeddict-item]  # it has no cells
        "shown_url": addresses.shown(image.pk, image.format, image.file),
    }


def _with_folded(hits: list[FoundHitAnswer], found: Found) -> list[FoundHitAnswer]:
    """Return the hits, with those that each stands for where the document folds them."""
    for hit, one in zip(hits, found.standing, strict=False):
        hit["folded"] = folded_answer(one)
    return hits


def _explained(hits: list[FoundHitAnswer], found: Found) -> list[FoundHitAnswer]:
    """Return the hits, with the shares of their cells where the document asks for them."""
    if not found.document.explain:
        return hits
    explanations = found.explanations or [None] * len(hits)
    for hit, one in zip(hits, explanations, strict=True):
        cells = cells_of_hit(one)
        hit["query_cells"], hit["query_square"] = cells["query_cells"], cells["query_square"]
        hit["hit_cells"], hit["hit_square"] = cells["hit_cells"], cells["hit_square"]
    return hits


def _example(one: ReadExample) -> ExampleAnswer:
    return {
        "kind": one.example.kind,
        "image": query_image(shown(one.image)) if one.image else None,
        "upload": one.example.upload,
        "url": one.example.url,
        "weight": one.example.weight,
        "box": one.example.box,
        "thumbnail": one.thumbnail,
        "width": one.width,
        "height": one.height,
    }


def _asked(asked: AskedIndex, dataset: str) -> AskedIndexAnswer:
    return {
        "index": asked.index.pk,
        "dataset": dataset,
        "config": config_answer(asked.index.spec),
        "searched": asked.count,
        "filtered_to": asked.allowed,
        "parts": asked.parts,
        "path": asked.path,
        "calibration": _calibration(asked.calibration),
        "probability_unknown": asked.unknown,
    }


def _calibration(found: Calibration | None) -> CalibrationAnswer | None:
    if found is None or found.curve is None or found.method is None or found.error is None:
        return None
    return {
        "method": found.method,
        "queries": found.queries,
        "same": round(found.same, 4),
        "error": round(found.error, 4),
    }
