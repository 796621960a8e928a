"""Extracts all layers of a network from the images of a dataset, in one pass, into feature matrices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from django.conf import settings

from gallery.errors import SemsearchError
from gallery.jobs import JobRun
from gallery.models import Dataset, Image
from gallery.system.measuring.stage_timer import StageTimer
from search.embedding import network_jobs, pipeline
from search.extractors.multi_layer_extractor import MultiLayerExtractor
from search.features import matrices
from search.models import Experiment, FeatureSpec
from search.types import RGB, FeatureConfig, Ids, Vectors

STORE_EVERY_BATCHES = 8  # what a killed job loses at most
READ_ROWS = 2048

# milliseconds a picture, measured by this process
_costs: dict[FeatureConfig, float] = {}


def extract_layers(run: JobRun, dataset: Dataset, specs: Sequence[FeatureSpec]) -> dict[int, float]:
    """Extract every layer of the images that lack one; returns milliseconds a picture up to each, by spec id.

    The specs are of layers of one network with one pooling. What is stored already is not extracted again,
    and what was measured already is not measured again: a layer costs the same in every dataset.

    Raises: WeightsError when the network cannot be loaded.
    """
    held, images = held_by_all(dataset, specs), dataset.images.count()
    costs = _known_costs(specs)
    if len(held) >= images and len(costs) == len(specs):
        return costs
    layers = tuple(spec.layer for spec in specs)
    network_jobs.convert_first(run, specs[0].model, layers, specs[0].input_size)
    network = MultiLayerExtractor(
        specs[0].model,
        layers,
        pooling=specs[0].pooling,
        cache_dir=settings.CACHE_ROOT / "models",
        engine=settings.FEATURE_ENGINE,
    )
    run.begin(images, f"Extracting {len(specs)} layers of {specs[0].model}")
    writer = _Writer(dataset, specs, network)
    rows = _without(dataset, held)
    prepared = pipeline.prepared(rows, specs[0].input_size, network.prepare, StageTimer())
    for done, (image, outcome) in enumerate(prepared, start=len(held) + 1):
        if isinstance(outcome, SemsearchError):
            run.fail_file(image.filename, outcome, image)
        elif writer.add(image.pk, outcome):
            run.give_way()
        run.advance(done)
    writer.finish()
    if len(costs) < len(specs):
        costs = {spec.pk: cost for spec, cost in zip(specs, network.costs_ms(), strict=True)}
        _costs.update({spec.config: costs[spec.pk] for spec in specs})
    return costs


def _known_costs(specs: Sequence[FeatureSpec]) -> dict[int, float]:
    measured = Experiment.objects.filter(spec__in=specs).order_by("computed_at")
    stored = {pk: cost for pk, cost in measured.values_list("spec_id", "extract_ms") if cost is not None}
    return {spec.pk: _costs[spec.config] for spec in specs if spec.config in _costs} | stored


def held_by_all(dataset: Dataset, specs: Sequence[FeatureSpec]) -> Ids:
    """Return the ids of the images there are that have features under all of the specs, ascending.

    A job that is killed while it stores may have stored some layers of a picture and not others.
    """
    images = dataset.images.order_by("pk").values_list("pk", flat=True)
    held = np.fromiter(images.iterator(READ_ROWS), dtype=np.int64)
    for spec in specs:
        held = np.intersect1d(held, matrices.held(dataset, spec), assume_unique=True)
    return held


def _without(dataset: Dataset, held: Ids) -> Iterator[Image]:
    """Yield the images of a dataset that are not among the ascending ids, oldest first, in bounded memory."""
    known, last = set(held.tolist()), 0
    # not of `dataset.images`, which would read the dataset of each row, and fail of one that is gone by then
    rows = Image.objects.filter(dataset=dataset).order_by("pk").only("pk", "file", "filename")
    while chunk := list(rows.filter(pk__gt=last)[:READ_ROWS]):
        yield from (image for image in chunk if image.pk not in known)
        last = chunk[-1].pk


class _Writer:
    """Runs the network on batches of pictures and stores what comes out in larger ones."""

    def __init__(self, dataset: Dataset, specs: Sequence[FeatureSpec], network: MultiLayerExtractor) -> None:
        self._dataset, self._specs, self._network = dataset, specs, network
        self._batch: list[tuple[int, RGB]] = []
        self._ids: list[int] = []
        self._vectors: list[tuple[Vectors, ...]] = []

    def add(self, image_id: int, image: RGB) -> bool:
        """Take a prepared picture; every batch goes through the network, every few batches to the store.

        Returns whether all that was taken is stored now.
        """
        self._batch.append((image_id, image))
        if len(self._batch) == settings.EXTRACT_BATCH:
            self._run()
        if len(self._vectors) < STORE_EVERY_BATCHES:
            return False
        self._store()
        return True

    def finish(self) -> None:
        """Do what is left."""
        if self._batch:
            self._run()
        if self._ids:
            self._store()

    def _run(self) -> None:
        self._vectors.append(self._network.extract(np.stack([image for _, image in self._batch])))
        self._ids += [pk for pk, _ in self._batch]
        self._batch = []

    def _store(self) -> None:
        ids = np.array(self._ids, dtype=np.int64)
        for number, spec in enumerate(self._specs):
            vectors = np.concatenate([layers[number] for layers in self._vectors])
            matrices.append(self._dataset, spec, ids, vectors)
        self._ids, self._vectors = [], []
