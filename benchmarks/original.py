"""The way of the original ConvNet Playground, written afresh from its description, to be timed beside ours.

EfficientNetB0 without its top, one picture at a time through `model.predict`, the 7 x 7 x 1,280 feature map
flattened to 62,720 floats, searched in a FAISS IndexFlatIP. Weights are left untrained: they take the same
time, and no result of it is used.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

INPUT_SIZE = 224
FILLED_AT_ONCE = 256


class OriginalWay:
    """Extraction and search as the original does them."""

    def __init__(self) -> None:
        import faiss
        import keras

        self._model: Any = keras.applications.EfficientNetB0(
            include_top=False, weights=None, input_shape=(INPUT_SIZE, INPUT_SIZE, 3)
        )
        dims = int(np.prod(self._model.output_shape[1:]))
        self._index: Any = faiss.IndexFlatIP(dims)

    def vector(self, data: bytes) -> NDArray[np.float32]:
        """Return the vector (1, 62720) float32 of a picture's bytes."""
        from PIL import Image

        image = Image.open(io.BytesIO(data)).convert("RGB").resize((INPUT_SIZE, INPUT_SIZE))
        maps = self._model.predict(np.asarray(image, dtype=np.float32)[None], verbose=0)
        return np.ascontiguousarray(maps.reshape(1, -1), dtype=np.float32)

    def add(self, data: bytes) -> None:
        """Index one picture."""
        self._index.add(self.vector(data))

    def fill(self, count: int) -> None:
        """Index as many random vectors instead of pictures: an exact search takes the same time over them."""
        random = np.random.default_rng(0)
        for start in range(0, count, FILLED_AT_ONCE):
            rows = min(FILLED_AT_ONCE, count - start)
            self._index.add(random.random((rows, self._index.d), dtype=np.float32))

    def query(self, data: bytes, k: int) -> list[tuple[int, float]]:
        """Search with one picture; returns numbers and scores."""
        scores, numbers = self._index.search(self.vector(data), k)
        return list(zip(numbers[0].tolist(), scores[0].tolist(), strict=True))
