"""Keeps how many embeddings each index has, by triggers of the database: nobody counts a million rows."""

from __future__ import annotations

from django.db.models import Count, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from gallery.counts.sql import function, trigger
from gallery.counts.triggers import Triggers
from search.models import Embedding, SearchIndex

_ADDED, _REMOVED, _INDEXED = NAMES = ("count_embedding_added", "count_embedding_removed", "count_index_added")


def _sqlite(name: str, event: str, row: str, sign: str) -> str:
    return f"""CREATE TRIGGER {name} AFTER {event} ON search_embedding
    BEGIN UPDATE search_searchindex SET embeddings = embeddings {sign} 1
        WHERE dataset_id = {row}.dataset_id AND spec_id = {row}.spec_id; END"""


def _grouped(sign: str) -> str:
    return f"""UPDATE search_searchindex AS held SET embeddings = held.embeddings {sign} changed.rows
        FROM (SELECT dataset_id, spec_id, count(*) AS rows FROM rows GROUP BY dataset_id, spec_id) AS changed
        WHERE held.dataset_id = changed.dataset_id AND held.spec_id = changed.spec_id;"""


# an index may be made after its embeddings
_COUNT_NEW = """UPDATE search_searchindex SET embeddings = (SELECT count(*) FROM search_embedding
        WHERE search_embedding.dataset_id = search_searchindex.dataset_id
            AND search_embedding.spec_id = search_searchindex.spec_id)
        WHERE id {new};"""

INSTALL = {
    "sqlite": (
        _sqlite(_ADDED, "INSERT", "NEW", "+"),
        _sqlite(_REMOVED, "DELETE", "OLD", "-"),
        f"""CREATE TRIGGER {_INDEXED} AFTER INSERT ON search_searchindex
        BEGIN {_COUNT_NEW.format(new="= NEW.id")} END""",
    ),
    "postgresql": (
        function(_ADDED, _grouped("+")),
        trigger(_ADDED, "INSERT", "search_embedding", "NEW TABLE AS rows"),
        function(_REMOVED, _grouped("-")),
        trigger(_REMOVED, "DELETE", "search_embedding", "OLD TABLE AS rows"),
        function(_INDEXED, _COUNT_NEW.format(new="IN (SELECT id FROM rows)")),
        trigger(_INDEXED, "INSERT", "search_searchindex", "NEW TABLE AS rows"),
    ),
}


def recount(using: str | None = None) -> None:
    """Count everything anew."""
    own = Embedding.objects.filter(dataset=OuterRef("dataset"), spec=OuterRef("spec")).order_by()
    counts = own.values("dataset").annotate(n=Count("pk")).values("n")
    SearchIndex.objects.using(using).update(embeddings=Coalesce(Subquery(counts), Value(0)))


TRIGGERS = Triggers(
    NAMES,
    INSTALL,
    {Embedding._meta.db_table: "spec_id", SearchIndex._meta.db_table: "embeddings"},
    recount,
)
