"""Text in, unit vectors out, by the network for text of a model that was added."""

from __future__ import annotations

import importlib.util
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.errors import WeightsError
from search.extractors.engines.openvino import import_openvino
from search.extractors.networks.added.added_models import TOKENIZER, AddedModel
from search.extractors.networks.layer_info import in_short

NEEDED = "tokenizers>=0.22,<0.24"  # as requirements-text.txt has it


def require_tokenizers() -> None:
    """Raises: WeightsError where the library that makes tokens is not installed."""
    if importlib.util.find_spec("tokenizers") is None:
        raise WeightsError(
            "Free text needs the package tokenizers, which is not installed; install it alone: "
            f'pip install --no-deps "{NEEDED}"'
        )


class Tokens:
    """Makes the tokens of a text, as many of each."""

    def __init__(self, model: AddedModel) -> None:
        """Read the tokenizer. Raises: WeightsError where it is damaged, or of another kind."""
        require_tokenizers()
        import tokenizers

        assert model.text is not None
        self._tower = model.text
        path = model.folder / TOKENIZER
        try:
            found = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises plain ones
            raise WeightsError(
                f"{path} cannot be read as the library tokenizers saves it: {in_short(error)}"
            ) from error
        pad = model.text.pad_id
        if pad is None:
            pad = int((found.padding or {}).get("pad_id", 0))
        token = found.id_to_token(pad)
        if token is None:
            raise WeightsError(f"{path} has no token {pad}, which texts are filled up with: correct pad_id.")
        found.enable_truncation(model.text.context_length)
        found.enable_padding(length=model.text.context_length, pad_id=pad, pad_token=token)
        self._tokenizer = found

    @property
    def count(self) -> int:
        """How many tokens there are, or may be: the largest id and one more."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    def of(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the ids (context,) of a text, and 1 where a token stands, 0 where it was filled up."""
        plain = text.encode("utf-8", "replace").decode()  # what a terminal gave may be no Unicode
        encoded = self._tokenizer.encode(plain.lower() if self._tower.lowercase else plain)
        return np.array(encoded.ids, dtype=np.int64), np.array(encoded.attention_mask, dtype=np.int64)


class TextEncoder:
    """Makes the unit vectors of texts; safe to call from several threads."""

    def __init__(self, model: AddedModel) -> None:
        """Load tokenizer and network. Raises: WeightsError."""
        from search.extractors.networks.added import embedding_graph

        self._tokens = Tokens(model)
        network = embedding_graph.from_tokens(model, 1)
        self._feed = Feed(network)
        hints = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        self._request = import_openvino().Core().compile_model(network, "CPU", hints).create_infer_request()
        self._running = threading.Lock()

    def encode(self, text: str) -> NDArray[np.float32]:
        """Return the vector (d,) of a text."""
        ids, mask = self._tokens.of(text)
        with self._running:
            found = self._request.infer(self._feed.of(ids[None], mask[None]))
            # a copy: the next run writes where this one did
            return np.array(next(iter(found.values()))[0], dtype=np.float32)


class Feed:
    """Gives a network for text its inputs, of the types that it takes."""

    def __init__(self, network: Any) -> None:
        from search.extractors.networks.added import embedding_graph

        ids, mask = embedding_graph.ids_and_mask(network)
        self._inputs = [
            (one.any_name, one.get_element_type().to_dtype()) for one in (ids, mask) if one is not None
        ]

    def of(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
        """Return the inputs of texts (n, context)."""
        return {
            name: np.ascontiguousarray(values, dtype=kind)
            for (name, kind), values in zip(self._inputs, (ids, mask), strict=False)
        }
