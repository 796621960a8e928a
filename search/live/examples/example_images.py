"""The examples of a search: what an index is asked with, and what is shown of them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import numpy as np
from django.core.files.storage import default_storage
from numpy.typing import NDArray

from gallery.errors import NotFoundError, SemsearchError
from gallery.imaging import decoding, thumbnails
from gallery.imaging.limits import image_limits
from gallery.ingest.fetching import fetch_image
from gallery.models import Image
from gallery.system.storage import StorageUnavailableError, storage_errors
from search.embedding import vector_import
from search.embedding.vector_import import MadeElsewhereError
from search.extractors.resizing import Square, over_whole, square
from search.features import kept_maps, loaded_extractors
from search.features.kept_maps import KeptMap
from search.index.base import half_precision
from search.live import long_searches
from search.live.document import Example
from search.live.examples import framing, uploads
from search.live.finding.compiled_queries import stored_embedding, stored_image
from search.live.timings import Timings
from search.models import SearchIndex
from search.types import FeatureConfig

SHOWN_QUERY_SIDE = 320  # pixels, of the long side


class WrongVectorError(SemsearchError):
    """A vector is of another configuration than the one that is searched."""

    code = "invalid"


@dataclass
class ReadExample:
    """An example that was read; its vector is made once for each configuration that is asked.

    `squares` are what networks take of an image that no dataset has, by side and way of resizing, while they
    are needed: of an example with a box, of that part. `thumbnail` is a data: URL of what pages cannot show
    themselves: an image of another site or of an upload, or of a format that browsers do not show.
    """

    example: Example
    timings: Timings
    image: Image | None = None
    squares: dict[tuple[int, str], Square] = field(default_factory=dict)
    given: NDArray[np.float32] | None = None
    width: int = 0
    height: int = 0
    thumbnail: str | None = None
    _vectors: dict[FeatureConfig, NDArray[np.float32]] = field(default_factory=dict)
    _rows: dict[int, tuple[int, bytes] | None] = field(default_factory=dict)

    def vector(self, index: SearchIndex) -> NDArray[np.float32]:
        """Return its vector (d,) under the spec of an index."""
        config = index.spec.config
        if self.given is not None:
            return self._given(index, self.given)
        if config not in self._vectors:
            self._vectors[config] = (
                self._extracted(config, self.squares[_way(config)])
                if self.image is None
                else self._stored(index)
            )
        return self._vectors[config]

    def make_vectors(self, indexes: Sequence[SearchIndex]) -> None:
        """Make its vector under the spec of each index now."""
        for index in indexes:
            self.vector(index)

    def own_id(self, index: SearchIndex) -> int | None:
        """Return the id of its own vector in an index: a stored image never finds itself."""
        if self.image is None or self.image.dataset_id != index.dataset_id:
            return None
        row = self._row(index)
        return None if row is None else row[0]

    def kept_map(self, config: FeatureConfig) -> KeptMap | None:
        """Return its feature map under a configuration, None of a vector. Raises: as `kept_maps.of_image`."""
        box = self.example.box
        if self.image is not None and box is None:
            return kept_maps.of_image(self.image, config)
        if self.image is None and not self.squares:
            return None
        seen = self.squares[_way(config)] if self.image is None else self._square_of(self.image, config)
        found = kept_maps.of_square(seen, config)
        if box is None:
            return found
        return replace(found, square=over_whole(found.square, box))

    def _given(self, index: SearchIndex, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(vector) != index.spec.dims:
            raise WrongVectorError(
                f"The vector has {len(vector)} numbers; the features of {index.dataset.slug} have "
                f"{index.spec.dims} ({index.spec}). Name the `dataset` that it is of."
            )
        return vector

    def _stored(self, index: SearchIndex) -> NDArray[np.float32]:
        assert self.image is not None
        image, config, box = self.image, index.spec.config, self.example.box

        def made() -> NDArray[np.float32]:
            require_network(index)
            return self._extracted(config, self._square_of(image, config))

        if box is not None:
            return framing.kept_vector(image.sha256, box, config, made)
        row = self._row(index)
        return made() if row is None else np.frombuffer(row[1], dtype="<f2").astype(np.float32)

    def _row(self, index: SearchIndex) -> tuple[int, bytes] | None:
        """Return the id and the vector of its embedding under the spec of an index; asked for once."""
        assert self.image is not None
        if index.spec_id not in self._rows:
            with self.timings.stage("load"):
                self._rows[index.spec_id] = stored_embedding(self.image.pk, index.spec_id)
        return self._rows[index.spec_id]

    def _square_of(self, image: Image, config: FeatureConfig) -> Square:
        """Return what a network takes of a stored image, or of the part that is searched with."""
        box = self.example.box
        with ExitStack() as held:
            with self.timings.stage("decode"):
                side = framing.decoded_side(config.input_size, box)
                _, rgb = held.enter_context(
                    decoding.held(_stored_bytes(image), image_limits(), shortest_side=side)
                )
            with self.timings.stage("extract"):
                return square(rgb if box is None else framing.cropped(rgb, box), *_way(config))

    def _extracted(self, config: FeatureConfig, seen: Square) -> NDArray[np.float32]:
        with self.timings.stage("extract"):
            vector = loaded_extractors.extractor(config).extract(seen.pixels[None])[0]
        # as stored vectors are: the same image is then the same vector, however little a centre leaves of it
        return np.asarray(half_precision(vector[None], len(vector))[0], dtype=np.float32)


def read(
    example: Example, timings: Timings, indexes: list[SearchIndex], *, keeps_squares: bool = False
) -> ReadExample:
    """Return an example with its vector for each of the indexes.

    What networks take of it is let go unless it is kept to explain hits with.

    Raises: NotFoundError for a stored image or an upload that is gone; NotAnImageError, TooLargeError,
    AddressRefusedError, FetchFailedError, BusyError for the picture; TooSmallPartError for a box that holds
    next to nothing.
    """
    found = ReadExample(example, timings)
    if example.image is not None:
        with timings.stage("load"):
            image = stored_image(example.image)
        if image is None:
            raise NotFoundError(f"There is no image {example.image}; it may have been deleted.")
        found.image, found.width, found.height = image, image.width, image.height
        if example.box is not None:
            framing.require_large(example.box, image.width, image.height)
            with long_searches.reading():
                found.make_vectors(indexes)
    elif example.vector is not None:
        found.given = np.array(example.vector, dtype=np.float32)
    else:
        with long_searches.reading() as left_s:
            _decode(found, _bytes_of(example, timings, left_s), indexes)
            found.make_vectors(indexes)
        if not keeps_squares:
            found.squares = {}
    return found


def is_read(example: Example) -> bool:
    """Whether an example has to be decoded, and go through a network."""
    return example.vector is None and (example.image is None or example.box is not None)


def _bytes_of(example: Example, timings: Timings, within_s: float) -> bytes:
    if example.data is not None:
        return example.data
    with timings.stage("load"):
        if example.upload:
            return uploads.read(example.upload)
        return fetch_image(example.url or "", within_s).data


def _decode(found: ReadExample, data: bytes, indexes: list[SearchIndex]) -> None:
    """Decode an example, and make at once all that is wanted of its pixels."""
    timings, box = found.timings, found.example.box
    with ExitStack() as held:
        with timings.stage("decode"):
            largest = max((index.spec.input_size for index in indexes), default=None)
            side = framing.decoded_side(largest, box)
            facts, whole = held.enter_context(decoding.held(data, image_limits(), shortest_side=side))
        found.width, found.height = facts.width, facts.height
        if box is not None:
            framing.require_large(box, facts.width, facts.height)
        with timings.stage("extract"):
            rgb = whole if box is None else framing.cropped(whole, box)
            ways = {_way(index.spec.config) for index in indexes}
            found.squares = {way: square(rgb, *way) for way in ways}
        if found.example.data is None or not decoding.in_browsers(facts.format):
            with timings.stage("load"):
                found.thumbnail = _data_url(thumbnails.thumbnail(whole, SHOWN_QUERY_SIDE))


def _way(config: FeatureConfig) -> tuple[int, str]:
    """Return the side of the square that a network takes, and how images are brought to it."""
    return config.input_size, config.resize


def require_network(index: SearchIndex) -> None:
    """Raises: MadeElsewhereError for an index whose features no network here makes."""
    if index.spec.model == vector_import.MODEL:
        raise MadeElsewhereError(
            f"The features called {index.spec.layer} are made elsewhere, so no image gets them here: "
            "search with an image that has them, or with a vector."
        )


def _stored_bytes(image: Image) -> bytes:
    try:
        with storage_errors(), default_storage.open(str(image.file.name)) as file:
            data: bytes = file.read()
    except StorageUnavailableError:
        raise
    except OSError as error:
        raise NotFoundError(f"The file of image {image.pk} is gone; it may have been deleted.") from error
    return data


def _data_url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
