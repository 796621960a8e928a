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


TOPICS = {
    topic.name: topic
    for topic in (
        Topic("network", "Network", "What a network is", "explanation/networks"),
        Topic("layer", "Layer", "What a layer sees", "explanation/networks"),
        Topic("convolution", "Convolution", "What a filter does", "explanation/networks"),
        Topic("pooling", "Pooling", "How a feature map becomes a vector", "explanation/networks"),
        Topic("distance", "Distance", "When two vectors are near", "explanation/scores"),
        Topic("score", "Score", "When a configuration is good", "explanation/scores"),
        Topic("cost", "Cost and choice", "Which configuration to take", "explanation/choosing-the-default"),
        Topic("map", "Map", "What a map can say, and what it cannot", "explanation/maps"),
        Topic("method", "Method", "How images get their places", "explanation/maps"),
        Topic("live", "What answers", "What answers a live search", "explanation/choosing-the-default"),
        Topic("likeness", "Score", "What the score of a hit means", "explanation/scores"),
    )
}


class Explained(TypedDict):
    """What the template of the strip takes."""

    topics: list[Topic]


@register.inclusion_tag("search/_explained.html")
def explained(*names: str) -> Explained:
    """Return the topics of a page's strip. Raises: KeyError for a word that nothing explains."""
    return {"topics": [TOPICS[name] for name in names]}
