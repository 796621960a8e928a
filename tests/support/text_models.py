"""Toy models that read text: a network for images that sees their mean colour, and one that names colours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image as Pillow
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from gallery import jobs
from gallery.models import Dataset
from search.experiments import promotion
from search.features import feature_specs
from search.models import FeatureSpec

SIDE, DIMS, CONTEXT = 16, 8, 6
WORDS = ("[PAD]", "[UNK]", "red", "green", "blue", "a", "photo", "of")
COLOURS = {"red": 0, "green": 1, "blue": 2}

COLOURED = [
    (200, 20, 20), (180, 90, 10), (90, 90, 90), (20, 200, 30), (10, 160, 90), (24, 16, 200), (90, 10, 200),
]  # fmt: skip


def toy_model(
    folder: Path, name: str = "colours", *, dims: int = DIMS, text: bool = True, **said: Any
) -> Path:
    """Write the files of a model into a folder; `said` is what `model.json` says otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    visual(folder / "visual.onnx", dims=dims)
    files = ["visual.onnx"]
    if text:
        textual(folder / "text.onnx", dims=dims)
        tokenizer(folder / "tokenizer.json")
        files += ["text.onnx", "tokenizer.json"]
    described: dict[str, Any] = {
        "name": name,
        "title": "Toy of colours",
        "licence": "CC0-1.0",
        "source": "made in a test",
        "dims": dims,
        "input_size": SIDE,
        "scale": 1 / 255,
        "resize": "squash",
        **({"context_length": CONTEXT} if text else {}),
        **said,
    }
    described.setdefault("files", {one: digest(folder / one) for one in files})
    (folder / "model.json").write_text(json.dumps({k: v for k, v in described.items() if v is not None}))
    return folder


def digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def directions(dims: int = DIMS) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the vectors (3, dims) of red, green and blue."""
    return np.eye(3, dims, dtype=np.float32)


def visual(
    path: Path, *, dims: int = DIMS, factor: float = 1.0, shape: Sequence[Any] = ("n", 3, SIDE, SIDE)
) -> None:
    """Save pixels -> mean over all places -> the vectors of the three colours."""
    nodes = [
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "colours"], ["image_embeds"]),
    ]
    _save(path, nodes, {"colours": directions(dims) * factor}, ("pixels", TensorProto.FLOAT, shape), dims)


def textual(path: Path, *, dims: int = DIMS, tokens: int = len(WORDS), batch: Any = "n") -> None:
    """Save ids -> the sum of the vectors of the words that name colours."""
    table = np.zeros((tokens, dims), dtype=np.float32)
    table[1:, -1] = 0.01  # any other word leads a little aside
    for word, colour in COLOURS.items():
        table[WORDS.index(word)] = directions(dims)[colour]
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["vectors"]),
        helper.make_node("ReduceSum", ["vectors", "axis"], ["text_embeds"], keepdims=0),
    ]
    constants = {"table": table, "axis": np.array([1], dtype=np.int64)}
    _save(path, nodes, constants, ("input_ids", TensorProto.INT64, (batch, CONTEXT)), dims)


def tokenizer(path: Path, words: Sequence[str] = WORDS) -> None:
    """Save a tokenizer that knows some words."""
    found = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    found.normalizer = normalizers.Lowercase()
    found.pre_tokenizer = pre_tokenizers.Whitespace()
    found.save(str(path))


def _save(
    path: Path, nodes: list[Any], constants: dict[str, Any], taken: tuple[str, int, Any], dims: int
) -> None:
    name, kind, shape = taken
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info(name, kind, list(shape))],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, [shape[0], dims])],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)


def coloured_dataset(folder: Path, slug: str, *, live: bool) -> Dataset:
    """Return a dataset of a plain image of each of `COLOURED`; the model "colours" is live there if told."""
    dataset = Dataset.objects.create(slug=slug, name=slug.capitalize())
    for number, colour in enumerate(COLOURED):
        file = folder / slug / ("warm" if colour[0] > 100 else "cold") / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("RGB", (32 + number, 32), colour).save(file)
    jobs.perform_now(jobs.IMPORT, dataset, path=str(folder / slug), announce=False)
    if live:
        config = feature_specs.config_named("colours", None, None)
        assert config is not None
        promotion.promote_now(dataset, FeatureSpec.objects.for_config(config))
    return dataset
