"""Searches by free text, in the datasets whose live features were made by a model that reads text too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gallery.browse.where import Where
from gallery.models import Dataset
from gallery.system.home.shipped_files import program
from search.extractors.networks import registry
from search.extractors.networks.added.added_models import AddedModel
from search.features import text_encoders
from search.live.finding.index_queries import IndexQuery
from search.live.timings import Timings
from search.models import SearchIndex


@dataclass
class TextQuery:
    """A text, the indexes of each model that answers it, and the datasets where none does."""

    text: str
    datasets: Mapping[int, Dataset]
    answered: list[tuple[AddedModel, list[SearchIndex]]] = field(default_factory=list)
    unanswered: list[Dataset] = field(default_factory=list)

    @property
    def note(self) -> str:
        """What to tell people where it is not answered everywhere, "" where it is."""
        if not self.answered:
            return (
                "No model that reads text is live here, so nothing was searched: search with words, or have "
                f"one added ({program()} add_model) and made the live search."
            )
        if self.unanswered:
            names = ", ".join(one.name for one in self.unanswered)
            return f"Not searched, as no model that reads text is live there: {names}."
        return ""


def ask(text: str, indexes: Sequence[SearchIndex]) -> TextQuery:
    """Find out who answers a text."""
    found = TextQuery(text, Dataset.objects.in_bulk([index.dataset_id for index in indexes]))
    by_model: dict[str, tuple[AddedModel, list[SearchIndex]]] = {}
    for index in indexes:
        model = text_encoders.model_with_text(index.spec.config)
        if model is not None:
            by_model.setdefault(model.name, (model, []))[1].append(index)
        elif index.dataset_id in found.datasets:
            found.unanswered.append(found.datasets[index.dataset_id])
    found.answered = list(by_model.values())
    return found


def models_live() -> dict[int, AddedModel]:
    """Return the models that answer text, by the ids of the datasets where they do."""
    if not registry.added_folders():
        return {}
    live = SearchIndex.shown.filter(live=True).select_related("spec")
    found = {index.dataset_id: text_encoders.model_with_text(index.spec.config) for index in live}
    return {dataset: model for dataset, model in found.items() if model is not None}


def queries(query: TextQuery, where: Where, timings: Timings) -> list[IndexQuery]:
    """Return what each index is asked. Raises: WeightsError where a model cannot be used."""
    asked = []
    for model, indexes in query.answered:
        with timings.stage("extract"):
            vector = text_encoders.vector_of(model, query.text)
        asked += [IndexQuery(index, vector, None, None, where, of_text=True) for index in indexes]
    return asked
