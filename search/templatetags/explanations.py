"""`{% explained "network" "layer" %}`: what the words of a page mean, folded away until somebody asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from django import template

register = template.Library()


@dataclass(frozen=True)
class Topic:
    """A word that is explained: its name, how its button and its heading read, its page in the documents."""

    name: str
    title: str
    heading: str
    page: str

    @property
    def template(self) -> str:
        """Return the template of its text."""
        return f"search/explained/{self.name}.html"


_SEES = "explanation/what-a-network-sees"
TOPICS = {
    topic.name: topic
    for topic in (
        Topic("network", "Network", "What a network is", f"{_SEES}#from-pixels-to-features"),
        Topic("layer", "Layer", "What a layer sees", f"{_SEES}#layers"),
        Topic("convolution", "Convolution", "What a filter does", f"{_SEES}#from-pixels-to-features"),
        Topic(
            "pooling",
            "Pooling",
            "How a feature map becomes a vector",
            f"{_SEES}#pooling-one-vector-for-an-image",
        ),
        Topic(
            "distance", "Distance", "When two vectors are near", f"{_SEES}#distance-how-near-two-vectors-are"
        ),
        Topic("score", "Score", "When a configuration is good", "explanation/experiments#what-is-measured"),
        Topic(
            "cost",
            "Cost and choice",
            "Which configuration to take",
            "explanation/experiments#which-line-to-take",
        ),
        Topic("map", "Map", "What a map can say, and what it cannot", "explanation/maps"),
        Topic("method", "Method", "How images get their places", "explanation/maps"),
        Topic(
            "live",
            "What answers",
            "What answers a live search",
            "explanation/why-similar#which-configuration-answers",
        ),
        Topic(
            "likeness", "Score", "What the score of a hit means", "explanation/why-similar#what-a-score-means"
        ),
    )
}


class Explained(TypedDict):
    """What the template of the strip takes."""

    topics: list[Topic]


@register.inclusion_tag("search/_explained.html")
def explained(*names: str) -> Explained:
    """Return the topics of a page's strip. Raises: KeyError for a word that nothing explains."""
    return {"topics": [TOPICS[name] for name in names]}
