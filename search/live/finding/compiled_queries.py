"""The statements of a live search, which the ORM writes once and which run many times.

Writing both anew for every search was measured beside this, in turn in one process: 1.05 times the processor
time of a whole search by one client (quartiles of 20 rounds 1.03 and 1.08), and 1.06 times by sixteen
(12 rounds, 1.05 and 1.07).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import QuerySet

from gallery.models import Dataset, Image
from search.models import Embedding, FeatureSpec, SearchIndex

STATEMENTS_KEPT = 128  # of a query
SPECS_KEPT = 256


class CompiledQuery:
    """Reads the rows of a `values_list` query, keeping its SQL for each number of parameters.

    `query` writes it for a number of parameters, with anything in their places: of
    `lambda number: Image.objects.filter(pk__in=range(number)).values_list("pk")` the statement for two is
    `SELECT … WHERE id IN (%s, %s)`. No column may need to be made of what the database library returns.
    """

    Query: TypeAlias = QuerySet[Any, Any]

    def __init__(self, query: Callable[[int], Query]) -> None:
        self._query = query
        self._statement = lru_cache(STATEMENTS_KEPT)(self._written)

    def rows(self, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return the rows for parameters in the order of their places."""
        statement = self._statement(connection.vendor, len(parameters))
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def _written(self, vendor: str, number: int) -> str:
        statement, places = self._query(number).query.sql_with_params()
        assert len(places) == number
        return str(statement)


def _live(slugs: int) -> CompiledQuery.Query:
    live = SearchIndex.shown.filter(live=True)
    if slugs == 1:
        live = live.filter(dataset__slug="one")
    elif slugs:
        live = live.filter(dataset__slug__in=[str(number) for number in range(slugs)])
    return live.values_list("pk", "dataset_id", "revision", "spec_id", "spec__fingerprint")


_LIVE = CompiledQuery(_live)


def live_indexes(dataset: str | None) -> list[SearchIndex]:
    """Return the indexes that answer live searches with their specs, or the one of a dataset (slug)."""
    return live_indexes_of(() if dataset is None else (dataset,))


def live_indexes_of(datasets: Sequence[str]) -> list[SearchIndex]:
    """Return the indexes that answer live searches of datasets (slugs), of all when none is named.

    Columns that no search needs are deferred, as by `only`.
    """
    return [_index(*row) for row in _LIVE.rows(datasets)]


def _index(pk: int, dataset_id: int, revision: int, spec_id: int, fingerprint: str) -> SearchIndex:
    names = ("id", "dataset_id", "spec_id", "live", "revision")
    index = SearchIndex.from_db(DEFAULT_DB_ALIAS, names, (pk, dataset_id, spec_id, True, revision))
    index.spec = _spec(spec_id, fingerprint)
    return index


# in the order in which the model has them
_IMAGE_COLUMNS = (
    "id", "dataset_id", "sha256", "file", "thumbnail", "filename", "category", "external_id", "width",
    "height", "format",
)  # fmt: skip
_IMAGE = CompiledQuery(lambda _: Image.objects.filter(pk=0).values_list(*_IMAGE_COLUMNS, "dataset__slug"))


def stored_image(pk: int) -> Image | None:
    """Return an image that is shown, with its dataset; columns that no search needs are deferred."""
    for *values, slug in _IMAGE.rows([pk]):
        image = Image.from_db(DEFAULT_DB_ALIAS, _IMAGE_COLUMNS, values)
        image.dataset = Dataset.from_db(DEFAULT_DB_ALIAS, ("id", "slug"), (image.dataset_id, slug))
        return image
    return None


_EMBEDDING = CompiledQuery(lambda _: Embedding.objects.filter(image=0, spec=0).values_list("pk", "vector"))


def stored_embedding(image_id: int, spec_id: int) -> tuple[int, bytes] | None:
    """Return id and vector, float16, of the embedding that an image has under a spec."""
    for pk, vector in _EMBEDDING.rows([image_id, spec_id]):
        return int(pk), bytes(vector)
    return None


@lru_cache(SPECS_KEPT)
def _spec(spec_id: int, fingerprint: str) -> FeatureSpec:
    """Return a spec: its row never changes, and the fingerprint says all that is in it."""
    return FeatureSpec.objects.get(pk=spec_id, fingerprint=fingerprint)
