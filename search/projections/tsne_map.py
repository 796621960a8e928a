"""t-SNE maps by scikit-learn, from a given start.

Van der Maaten and Hinton 2008, "Visualizing Data using t-SNE"; the start and its size after Kobak and Berens
2019, "The art of using t-SNE for single-cell transcriptomics".
"""

from __future__ import annotations

import numpy as np

from search.projections.plan import Points, ProjectionPlan
from search.types import Vectors

START_DEVIATION = 1e-4
# scikit-learn adds up over its threads in the order they finish, so with several the same seed may give
# another map; and where other work keeps the cores busy, waiting for each other they take many times longer.
THREADS = 1


def tsne_points(rotated: Vectors, plan: ProjectionPlan, start: Points) -> Points:
    """Return the t-SNE map (n, 2) of at least four vectors (n, d) on their principal axes."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(plan.perplexity, (len(rotated) - 1) / 3)
    deviation = float(start[:, 0].std()) or 1.0
    with threadpool_limits(THREADS, user_api="openmp"):
        points = TSNE(
            perplexity=perplexity,
            init=np.asarray(start / deviation * START_DEVIATION, dtype=np.float32),
            metric="euclidean",
            random_state=plan.seed,
        ).fit_transform(rotated)
    return np.ascontiguousarray(points, dtype=np.float32)
