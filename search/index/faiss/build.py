"""Building an index generation from a stream of vectors in bounded memory, tuned and measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from gallery.errors import IndexDamagedError
from search.index.base import IndexInputError, VectorBatches, checked_ids, half_precision
from search.index.faiss import blocks as file_blocks
from search.index.faiss import flat_file
from search.index.faiss.generation import DATA_FILES, INDEX_FILE, Generation, Manifest, Mean
from search.index.faiss.index import EXACT, EXACT_UP_TO, FaissIndex
from search.index.faiss.kinds import Budget, by_merit, candidates, filled, learned_lists
from search.index.faiss.store import GenerationStore
from search.index.faiss.stored_vectors import (
    CENTRE_FILE,
    IDS_FILE,
    LENGTHS_FILE,
    VECTORS_FILE,
    MappedVectors,
    centred_lengths,
    stored_blocks,
)
from search.index.faiss.tuning import (
    RECALL_REQUIRED,
    SAMPLE_QUERIES,
    TUNING_QUERIES,
    RecallSample,
    Trial,
    recall_samples,
    tuned,
)
from search.types import Vectors

TRIED_ON = 50_000  # vectors: kinds of index are compared on so many
# Among more vectors coarse codes need more candidates than these trials tell: two are built in full.
BUILT_IN_FULL = 2


# (folder with the stored vectors, factory string, stored vectors, lists learned before) -> index of them all
Filling = Callable[[Path, str, MappedVectors, Vectors | None], FaissIndex]


def _filled_here(folder: Path, factory: str, stored: MappedVectors, lists: Vectors | None) -> FaissIndex:
    return filled(factory, stored, len(stored.ids), lists)


@dataclass(frozen=True)
class BuildPlan:
    """What to build: `spec` is the feature spec as plain JSON values, recorded in the manifest.

    `total`, when given, is the number of vectors that must arrive; `factory` overrides the choice; `fill`
    puts all vectors into an index, here alone or with help.
    """

    name: str
    spec: Mapping[str, object]
    dims: int
    total: int | None = None
    factory: str | None = None
    budget: Budget = field(default_factory=Budget)
    fill: Filling = _filled_here


def build_generation(
    store: GenerationStore,
    plan: BuildPlan,
    batches: VectorBatches,
    progress: Callable[[int], None] | None = None,
) -> Generation:
    """Build, measure and publish a generation from uncentred vectors, and return it, open.

    `batches` yields (ids (n,) int64, vectors (n, d) float16 or float32); ids ascend over all batches.
    The index holds normalise(v - centre), v rounded to float16; the centre is the mean of the vectors, or
    zero for fewer than ten: the mean of one would leave nothing of it. `progress` is called with the
    number of vectors stored so far.
    Raises: IndexInputError for wrong vectors or ids; IndexDamagedError when the result fails its checks.
    """
    return store.publish(plan.name, lambda folder: _fill(folder, plan, batches, progress))


def _fill(
    folder: Path, plan: BuildPlan, batches: VectorBatches, progress: Callable[[int], None] | None
) -> None:
    started = time.perf_counter()
    count = _store_vectors(folder, plan, batches, progress)
    _store_lengths(folder, count, plan.dims)
    read_seconds = time.perf_counter() - started
    if plan.factory == EXACT or (plan.factory is None and count <= EXACT_UP_TO):
        trial = flat_file.build(folder, count, plan.dims)
        tried = [trial]
        if trial.recall_at_10 < RECALL_REQUIRED:
            raise _finds_too_little(trial)
    else:
        index, trial, tried = _chosen_index(folder, plan, MappedVectors.open(folder, count, plan.dims))
        index.save(folder / INDEX_FILE)
    digests = {name: file_blocks.digests_of(folder / name) for name in DATA_FILES}
    file_blocks.write(folder, digests)
    Manifest(
        spec=plan.spec,
        metric="inner_product",
        factory=trial.factory,
        count=count,
        dims=plan.dims,
        checksums={name: found.sha256 for name, found in digests.items()},
        versions=_versions(),
        recall_at_10=trial.recall_at_10,
        bytes_per_vector=trial.bytes_per_vector,
        latency_ms_p50=trial.query_ms,
        effort_lists=trial.effort_lists,
        effort_candidates=trial.effort_candidates,
        effort_margin=trial.effort_margin,
        build_seconds=round(time.perf_counter() - started, 3),
        read_seconds=round(read_seconds, 3),
        tried=[one.as_facts() for one in tried],
        built_at=datetime.now(UTC).isoformat(timespec="seconds"),
    ).write(folder)


def _store_vectors(
    folder: Path, plan: BuildPlan, batches: VectorBatches, progress: Callable[[int], None] | None
) -> int:
    """Write ids, float16 vectors and their centre, and return how many there were."""
    count, last = 0, -1
    mean = Mean(plan.dims)
    with (folder / VECTORS_FILE).open("wb") as vectors_file, (folder / IDS_FILE).open("wb") as ids_file:
        for ids, vectors in batches:
            keys, rows = checked_ids(ids), half_precision(vectors, plan.dims)
            if len(keys) != len(rows):
                raise IndexInputError(f"{len(keys)} ids came with {len(rows)} vectors.")
            if not len(keys):
                continue
            if keys[0] <= last or (np.diff(keys) <= 0).any():
                raise IndexInputError("Ids must ascend strictly: order the embeddings by primary key.")
            vectors_file.write(rows.astype("<f2", copy=False).tobytes())
            ids_file.write(keys.astype("<i8", copy=False).tobytes())
            mean.add(rows)
            count, last = count + len(keys), int(keys[-1])
            if progress is not None:
                progress(count)
    if plan.total is not None and count != plan.total:
        raise IndexInputError(
            f"Expected {plan.total} vectors, got {count}: they changed meanwhile, build again."
        )
    np.save(folder / CENTRE_FILE, mean.centre(), allow_pickle=False)
    return count


def _store_lengths(folder: Path, count: int, dims: int) -> None:
    centre = np.load(folder / CENTRE_FILE, allow_pickle=False)
    with (folder / LENGTHS_FILE).open("wb") as file:
        for rows in stored_blocks(folder, count, dims):
            file.write(centred_lengths(rows, centre).astype("<f4").tobytes())


def _chosen_index(
    folder: Path, plan: BuildPlan, stored: MappedVectors
) -> tuple[FaissIndex, Trial, list[Trial]]:
    """Return the filled index, what it was measured to do, and what was tried on the way."""
    count = len(stored.ids)
    tried: list[Trial] = []
    if plan.factory is not None:
        factories = [plan.factory]
    else:
        factories, tried = _by_merit(plan, stored)
    tuning, reporting = recall_samples(stored, (TUNING_QUERIES, SAMPLE_QUERIES))
    lists = learned_lists(stored, count, factories[0])
    best: tuple[Trial, bool, FaissIndex] | None = None
    for place, factory in enumerate(factories):
        index = plan.fill(folder, factory, stored, lists)
        trial, met = _examined(index, tuning, reporting, plan.budget.recall)
        tried.append(trial)
        if best is None or by_merit((best[0], trial), (best[1], met))[0]:
            best = trial, met, index
        if best[1] and place + 1 >= BUILT_IN_FULL:
            break
    assert best is not None
    trial, met, index = best
    if met or trial.recall_at_10 >= RECALL_REQUIRED:
        index.effort = trial.effort
        return index, trial, tried
    raise _finds_too_little(trial)


def _finds_too_little(trial: Trial) -> IndexDamagedError:
    return IndexDamagedError(
        f"The new index finds only {trial.recall_at_10:.0%} of the true neighbours and was not published: "
        "the vectors may be damaged. Run verify, then rebuild_index."
    )


def _examined(
    index: FaissIndex, tuning: RecallSample, reporting: RecallSample, wanted: float
) -> tuple[Trial, bool]:
    """Return the index tuned, with its recall on other queries, and whether it reaches the wanted one."""
    trial = tuned(index, tuning, wanted)
    found = index.search(reporting.queries, 11, effort=trial.effort)
    recall = round(reporting.recall(found.ids, found.scores), 4)
    return replace(trial, recall_at_10=recall), trial.recall_at_10 >= wanted


def _by_merit(plan: BuildPlan, stored: MappedVectors) -> tuple[list[str], list[Trial]]:
    """Return the kinds of index that fit the budget, the best first, by trials on a part of the vectors."""
    count = len(stored.ids)
    kinds = candidates(count, plan.dims, plan.budget)
    if len(kinds) == 1:
        return [kinds[0].factory(count, plan.dims)], []
    some = min(count, TRIED_ON)
    sample = recall_samples(stored, (TUNING_QUERIES, 1), some)[0]
    lists = learned_lists(stored, some, kinds[0].factory(some, plan.dims))
    trials = [
        tuned(filled(kind.factory(some, plan.dims), stored, some, lists), sample, plan.budget.recall)
        for kind in kinds
    ]
    order = by_merit(trials, [trial.recall_at_10 >= plan.budget.recall for trial in trials])
    return [kinds[place].factory(count, plan.dims) for place in order], trials


def _versions() -> dict[str, str]:
    import faiss

    return {"faiss": faiss.__version__, "numpy": np.__version__}
