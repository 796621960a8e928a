"""What is answered of hits that are folded, and of groups, as plain values."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from search.live.answering.answers import QueryImageAnswer, query_image
from search.live.finding.folding import Standing
from search.live.finding.grouping import Group
from search.live.finding.hits import Hit


class FoldedAnswer(TypedDict):
    """An image that another hit stands for."""

    image: QueryImageAnswer
    score: float
    same: Annotated[
        Literal["file", "look"], "`file` where it is the same file, `look` where it is nearly so."
    ]


class GroupAnswer(TypedDict):
    """Hits that belong together."""

    label: Annotated[str, "The label of most of them; empty where they have none, or no common one."]
    count: int
    image: Annotated[QueryImageAnswer, "The one that is most like the others, or ranks first."]
    like: Annotated[list[int], "Images that lead to more of the group, as further examples under `like`."]


def folded_answer(standing: Standing) -> list[FoldedAnswer]:
    """Return what a hit stands for as plain values, identical files first."""
    identical = [_folded(hit, "file") for hit in standing.identical]
    return [*identical, *(_folded(hit, "look") for hit in standing.near)]


def group_answer(group: Group) -> GroupAnswer:
    """Return a group as plain values."""
    return {
        "label": group.label,
        "count": group.count,
        "image": query_image(group.image),
        "like": group.like,
    }


def _folded(hit: Hit, same: Literal["file", "look"]) -> FoldedAnswer:
    return {"image": query_image(hit.image), "score": round(hit.score, 6), "same": same}
