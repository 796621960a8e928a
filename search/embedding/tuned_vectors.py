"""Makes the tuned vectors of images out of their plain ones, which takes no network."""

from __future__ import annotations

import numpy as np
from django.db.models import Exists, OuterRef

from gallery.jobs import JobRun
from search.embedding.writer import store_embeddings
from search.features import tunings
from search.indexing import database_vectors
from search.models import Embedding, SearchIndex

READ_ROWS = 1024


def fill(run: JobRun, tuned: SearchIndex, plain: SearchIndex) -> int:
    """Give every image that has a plain vector and lacks a tuned one the latter; returns how many.

    Raises: TuningGoneError.
    """
    tuning = tunings.tuning_of(tuned.spec.config)
    assert tuning is not None
    there = Embedding.objects.filter(image=OuterRef("image"), spec=tuned.spec_id)
    lacking = database_vectors.embeddings(plain).filter(~Exists(there)).order_by("pk")
    last = stored = 0
    while rows := list(lacking.filter(pk__gt=last).values_list("pk", "image", "vector")[:READ_ROWS]):
        ids = np.array([image for _, image, _ in rows], dtype=np.int64)
        content = np.frombuffer(b"".join(bytes(vector) for _, _, vector in rows), dtype="<f2")
        stored += store_embeddings(tuned, ids, tuning.tuned(content.reshape(len(rows), -1)))
        last = rows[-1][0]
        run.touch()
    return stored
