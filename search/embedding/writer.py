"""Writes embeddings into the database, many at a time and each once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from gallery.errors import SemsearchError
from gallery.models import Image
from search.features import tunings
from search.models import Embedding, SearchIndex
from search.types import Ids, Vectors

# (image id, vector as it is stored)
Row = tuple[int, bytes]

_COPIED = """CREATE TEMPORARY TABLE IF NOT EXISTS copied_embeddings (image_id bigint, vector bytea)
    ON COMMIT DELETE ROWS"""
# What is moved is taken out at once: the transaction may go on with embeddings of another index.
# The images are held until the end of the transaction: none goes before its embedding is seen to go with it
_MOVE = """WITH copied AS (DELETE FROM copied_embeddings RETURNING image_id, vector)
    INSERT INTO search_embedding (image_id, spec_id, dataset_id, vector, created_at)
    SELECT image_id, %s, %s, vector, %s FROM copied
        JOIN gallery_image AS image ON image.id = image_id
            AND image.deleted_at IS NULL AND image.missing_since IS NULL FOR KEY SHARE OF image
    ON CONFLICT DO NOTHING"""


def store_embeddings(index: SearchIndex, image_ids: Ids, vectors: Vectors) -> int:
    """Store vectors (n, d) of images (n,), once each, and make them searchable; returns how many were new.

    With those of an index that others tune theirs come too. Images deleted or hidden meanwhile are left out.
    """
    rows = _rows(image_ids, vectors)
    tuned = [(one, _rows(image_ids, _tuned(one, vectors))) for one in tunings.indexes_over(index)]
    for _ in range(3):
        try:
            with transaction.atomic():
                # the indexes before the images, as whoever removes images takes them: nobody waits for ever
                for pk in sorted({index.pk, *(one.pk for one, _ in tuned)}):
                    SearchIndex.objects.filter(pk=pk).update(revision=F("revision") + 1)
                stored = _insert(index, rows)
                for one, of_it in tuned:
                    _insert(one, of_it)
        except IntegrityError:
            # an image went between the look and the insert: look again
            continue
        return stored
    raise SemsearchError("The images keep changing while their features are stored; run the job again.")


def _tuned(index: SearchIndex, vectors: Vectors) -> Vectors:
    tuning = tunings.tuning_of(index.spec.config)
    return vectors if tuning is None else tuning.tuned(vectors)


def _rows(image_ids: Ids, vectors: Vectors) -> list[Row]:
    return [(int(pk), _stored(vector)) for pk, vector in zip(image_ids, vectors, strict=True)]


def _stored(vector: np.ndarray[Any, Any]) -> bytes:
    return vector.astype("<f2").tobytes()


def _insert(index: SearchIndex, rows: Sequence[Row]) -> int:
    """Insert embeddings of an index in the caller's transaction; returns how many were new.

    Images that are gone and those that have an embedding are passed over.
    """
    return _copy(index, rows) if connection.vendor == "postgresql" else _bulk_create(index, rows)


def _copy(index: SearchIndex, rows: Sequence[Row]) -> int:
    """Send the rows by COPY, which parses no statement with the vectors in it."""
    with connection.cursor() as cursor:
        cursor.execute(_COPIED)
        copying: Any = cursor.copy("COPY copied_embeddings FROM STDIN (FORMAT BINARY)")
        with copying as copy:
            copy.set_types(["int8", "bytea"])
            for row in rows:
                copy.write_row(row)
        cursor.execute(_MOVE, [index.spec_id, index.dataset_id, timezone.now()])
        return int(cursor.rowcount)


def _bulk_create(index: SearchIndex, rows: Sequence[Row]) -> int:
    ids = [pk for pk, _ in rows]
    there = set(Image.objects.filter(pk__in=ids).values_list("pk", flat=True))
    there -= set(Embedding.objects.filter(spec=index.spec_id, image__in=ids).values_list("image", flat=True))
    fresh = [
        Embedding(image_id=pk, spec_id=index.spec_id, dataset_id=index.dataset_id, vector=vector)
        for pk, vector in rows
        if pk in there
    ]
    return len(Embedding.objects.bulk_create(fresh, ignore_conflicts=True))
