"""The networks for text that this process has loaded, for the models that were added with one."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gallery.errors import NotFoundError, WeightsError
from gallery.system.concurrency.kept_while_used import KeptWhileUsed
from search.extractors.networks import registry
from search.extractors.networks.added import added_models
from search.extractors.networks.added.added_models import AddedModel
from search.extractors.text_encoder import TextEncoder
from search.types import FeatureConfig

MOST = 8
TEXTS_KEPT = 256


class Reader(NamedTuple):
    """Which network for text is meant: the folder of its model, and what decides its vectors."""

    folder: Path
    digest: str


def _loaded(reader: Reader) -> TextEncoder:
    model = added_models.require_whole(reader.folder)
    if model.text_digest != reader.digest:
        raise WeightsError(f"The model {model.name} is another one since a moment: search again.")
    return TextEncoder(model)


_encoders: KeptWhileUsed[Reader, TextEncoder] = KeptWhileUsed(_loaded, MOST)
_vectors: OrderedDict[tuple[str, str], NDArray[np.float32]] = OrderedDict()
_keeping = Lock()


def model_with_text(config: FeatureConfig) -> AddedModel | None:
    """Return the model whose network for text gives vectors near those of a configuration, None without one.

    Tuned or reduced features are others, to which no text is near.
    """
    if config.tuning or config.reduction or config.pooling != "average":
        return None
    try:
        model = registry.added_model(registry.get_network(config.model))
    except NotFoundError:
        return None
    fits = model is not None and model.text is not None and model.digest == config.weights_digest
    return model if fits else None


def vector_of(model: AddedModel, text: str) -> NDArray[np.float32]:
    """Return the unit vector (d,) of a text; the first call in a process loads the network.

    Raises: WeightsError where a file has changed, or the library for tokens is not installed.
    """
    key = (model.text_digest, text)
    with _keeping:
        if key in _vectors:
            _vectors.move_to_end(key)
            return _vectors[key]
    vector = _encoders.get(Reader(model.folder, model.text_digest)).encode(text)
    with _keeping:
        _vectors[key] = vector
        while len(_vectors) > TEXTS_KEPT:
            _vectors.popitem(last=False)
    return vector


def warm(config: FeatureConfig) -> None:
    """Load the network for text of a configuration, where it has one. Raises: as `vector_of`."""
    if (model := model_with_text(config)) is not None:
        _encoders.get(Reader(model.folder, model.text_digest))


def drop_unused(for_s: float) -> None:
    """Give back the networks that nobody has asked for so long."""
    _encoders.drop(_encoders.unused(for_s))
