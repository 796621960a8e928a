"""Runs both networks of a model that is being added, and writes down what is needed to use it.

Run as `python -m search.extractors.networks.added.inspect_added FOLDER`: a damaged file ends no process but
this. A refusal is one line on stderr.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.errors import SemsearchError, WeightsError
from search.extractors.engines.openvino import import_openvino
from search.extractors.engines.precision import generated_images
from search.extractors.networks.added import added_models, embedding_graph, onnx_graph
from search.extractors.networks.added.added_models import (
    CHECKED_FORMAT,
    CHECKED_IN,
    TEXT,
    VISUAL,
    AddedModel,
    Checked,
)
from search.extractors.text_encoder import Feed, TextEncoder, Tokens

TEXTS = ("a photo of a red car", "two dogs on a beach")
SAME = 0.9999  # cosine of vectors that have to be the same, computed in another way
KNOWN = 0.999  # and of one that was computed elsewhere, in another precision perhaps
TOLD_APART = 0.999999  # of vectors that must not be the same


def examine(folder: Path) -> None:
    """Write what was found out about the model in a folder beside its files.

    Raises:
        WeightsError: it cannot be used, with the reason.
    """
    model = added_models.require_files(folder)
    network = embedding_graph.from_pixels(model)
    side = int(network.input(0).partial_shape[1].get_length())
    ms_image = _try_images(network, side, model.dims)
    ms_text, text_parameters = _try_texts(model) if model.text is not None else (None, 0)
    facts: Checked = {
        "format": CHECKED_FORMAT,
        "input_size": side,
        "parameters": _parameters(network),
        "text_parameters": text_parameters,
        "ms_image": round(ms_image, 1),
        "ms_text": None if ms_text is None else round(ms_text, 1),
    }
    (folder / CHECKED_IN).write_text(json.dumps(facts) + "\n", encoding="utf-8")


def _try_images(network: Any, side: int, dims: int) -> float:
    """Run the network for images; returns the milliseconds of one."""
    images = generated_images(side)[:2]
    compiled = _compiled(network)

    def run(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.array(compiled([batch])[0]).reshape(len(batch), -1)  # a copy: the next run may write there

    try:
        together = run(images)
        started = time.perf_counter()
        alone = np.concatenate([run(images[:1]), run(images[1:])])
        ms = (time.perf_counter() - started) * 500
    except RuntimeError as error:
        raise WeightsError(
            f"{VISUAL} does not run with {len(images)} images at a time: export it with a first axis of any "
            f"length. {onnx_graph.in_words(error)}"
        ) from error
    _require(together, alone, dims, VISUAL, "images")
    return ms


def _try_texts(model: AddedModel) -> tuple[float, int]:
    """Run tokenizer and network for text; returns the milliseconds of a text, and the parameters."""
    tokens = Tokens(model)
    whole = onnx_graph.read(model.folder / TEXT)
    known = embedding_graph.known_tokens(whole)
    if known is not None and tokens.count > known:
        raise WeightsError(
            f"the tokenizer has {tokens.count:,} tokens, and {TEXT} knows {known:,}: they are of two models."
        )
    _require_probe_ids(model, tokens)
    encoder = TextEncoder(model)
    started = time.perf_counter()
    alone = np.stack([encoder.encode(text) for text in TEXTS])
    ms = (time.perf_counter() - started) * 1000 / len(TEXTS)
    _require(_texts_together(model, tokens, alone), alone, model.dims, TEXT, "texts")
    probe = model.text.probe if model.text else None
    if probe is not None and probe.vector:
        told = np.array(probe.vector, dtype=np.float32)
        cosine = _cosine(told, encoder.encode(probe.text)) if len(told) == model.dims else -1.0
        if not cosine >= KNOWN:
            raise WeightsError(
                f"{probe.text!r} has another vector than probe in model.json says, cosine {cosine:.4f}: "
                "look at the tokenizer, context_length, pad_id and lowercase."
            )
    return ms, _parameters(whole)


def _require_probe_ids(model: AddedModel, tokens: Tokens) -> None:
    probe = model.text.probe if model.text else None
    if probe is None or not probe.ids:
        return
    ids, mask = tokens.of(probe.text)
    made = ids[: int(mask.sum())].tolist()
    if list(probe.ids) not in (made, ids.tolist()):
        raise WeightsError(
            f"the tokenizer makes {made[:12]} of {probe.text!r}, and probe in model.json says "
            f"{list(probe.ids)[:12]}: it is another tokenizer."
        )


def _texts_together(model: AddedModel, tokens: Tokens, alone: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vectors of the texts by one run; those of each `alone` where the network takes no more."""
    made = [tokens.of(text) for text in TEXTS]
    ids, masks = (np.stack(part) for part in zip(*made, strict=True))
    try:
        network = embedding_graph.from_tokens(model, -1)
        found = _compiled(network)(Feed(network).of(ids, masks))
        return np.array(found[0], dtype=np.float32)
    except (WeightsError, RuntimeError):  # many are exported for one text, which is all that is asked of them
        return alone


def _require(
    together: NDArray[np.float32], alone: NDArray[np.float32], dims: int, file: str, what: str
) -> None:
    """Refuse vectors that nothing can be searched with. Raises: WeightsError."""
    if together.shape != alone.shape or together.shape[1] != dims:
        raise WeightsError(
            f"{file} gives vectors of {together.shape[1]} numbers, and model.json says {dims}."
        )
    if not (np.isfinite(together).all() and np.isfinite(alone).all()):
        raise WeightsError(f"{file} gives numbers that are none (NaN or infinite): export it in float32.")
    if not np.abs(alone).max(axis=1).all():
        raise WeightsError(f"{file} gives nothing but zeros.")
    if min(_cosine(*pair) for pair in zip(together, alone, strict=True)) < SAME:
        raise WeightsError(
            f"{file} gives other vectors for {what} together than for each alone: export it anew."
        )
    if _cosine(alone[0], alone[1]) > TOLD_APART:
        raise WeightsError(f"{file} gives the same vector for different {what}.")


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length else 0.0


def _compiled(network: Any) -> Any:
    hints = {"INFERENCE_PRECISION_HINT": "f32"}
    return import_openvino().Core().compile_model(network, "CPU", hints)


def _parameters(network: Any) -> int:
    return onnx_graph.parameters_up_to(list(network.get_ordered_ops()))[-1]


def main() -> int:
    """Examine the folder that the command line names; returns the exit status."""
    try:
        examine(Path(sys.argv[1]))
    except SemsearchError as error:
        sys.stderr.write(" ".join(error.detail.split()) + "\n")
        return 1
    except Exception as error:  # whatever OpenVINO or the tokenizer says
        sys.stderr.write(onnx_graph.in_words(error) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
