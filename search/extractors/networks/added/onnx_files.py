"""Networks in ONNX files: what the JSON beside one says of its pixels, and the digest of both.

`/models/mine.json` beside `/models/mine.onnx` says what the network takes:

    {"input_size": 224, "layout": "NCHW", "scale": 0.00392157,
     "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "resize": "crop"}

A pixel of 0 to 255 is multiplied by `scale`, then `mean` is taken away and it is divided by `std`. Left out,
`scale` is 1, `mean` 0, `std` 1, `channels` "RGB"; `layout` and `input_size` are then those that the file
itself has. `search.extractors.networks.added.onnx_graph` reads the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from gallery.errors import WeightsError
from search.extractors.networks.keras_applications import file_digest

SUFFIX = ".onnx"
# files with the weights of a large model, by the names that exporters give them
OUTSIDE = (".onnx.data", ".onnx_data")
# a field of the message `ModelProto`, mostly the version of the format
BEGINNINGS = tuple(bytes([byte]) for byte in b"\x08\x12\x1a\x22\x28\x32\x3a\x42\x72")
KEYS = ("input_size", "layout", "scale", "mean", "std", "resize", "channels")
LARGEST_INPUT = 2048
RESIZES = ("squash", "ease", "crop", "pad")
EXAMPLE = (
    '{"input_size": 224, "scale": 0.00392157, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}'
)


@dataclass(frozen=True)
class Preprocessing:
    """What a network takes; `input_size` 0 and `axes` "" stand for those of the file itself."""

    input_size: int
    axes: str
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resize: str
    channels: str


def described_in(path: Path) -> Path:
    """Return the path of the JSON beside an ONNX file."""
    return path.with_suffix(".json")


def is_one(path: Path) -> bool:
    """Whether a file begins as an ONNX file does: neither empty, nor text, nor what Git LFS puts there."""
    with path.open("rb") as file:
        return file.read(1) in BEGINNINGS


def digest(path: Path) -> str:
    """Return the SHA-256 of an ONNX file, of weights outside it, and of the JSON beside it.

    Raises:
        WeightsError: one cannot be read.
    """
    outside = [path.with_suffix(suffix) for suffix in OUTSIDE]
    files = [path, described_in(path), *(file for file in outside if file.is_file())]
    return hashlib.sha256(" ".join(file_digest(file) for file in files).encode()).hexdigest()


def preprocessing(path: Path) -> Preprocessing:
    """Return what the JSON beside an ONNX file says.

    Raises:
        WeightsError: there is none, or a value in it cannot be.
    """
    file = described_in(path)
    try:
        values = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise WeightsError(f"it needs {file} beside it, which says what it takes, as {EXAMPLE}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(values, dict) or set(values) - set(KEYS):
        raise WeightsError(f"{file} has to be an object with some of {', '.join(KEYS)}, as {EXAMPLE}")
    return preprocessing_of(values, file)


def preprocessing_of(values: Mapping[str, Any], file: Path) -> Preprocessing:
    """Return what the values of `KEYS` in a file say.

    Raises:
        WeightsError: one of them cannot be.
    """
    return Preprocessing(
        input_size=_side(values.get("input_size", 0), file),
        axes=_one_of("layout", values.get("layout", ""), ("", "NCHW", "NHWC"), file),
        scale=_scale(values.get("scale", 1), file),
        mean=_triple("mean", values.get("mean", 0), file),
        std=_triple("std", values.get("std", 1), file, least=1e-9),
        resize=_one_of("resize", values.get("resize", ""), ("", *RESIZES), file),
        channels=_one_of("channels", values.get("channels", "RGB"), ("RGB", "BGR"), file),
    )


def _side(value: Any, file: Path) -> int:
    sides = value if isinstance(value, list) and len(value) in (1, 2) else [value]
    for side in sides:
        if type(side) is not int or not 0 <= side <= LARGEST_INPUT or side != sides[0]:
            raise WeightsError(f"input_size in {file} is one side of a square in pixels, as 224.")
    return int(sides[0])


def _one_of(key: str, value: Any, known: tuple[str, ...], file: Path) -> str:
    if value not in known:
        raise WeightsError(f"{key} in {file} is one of {', '.join(filter(None, known))}, not {value!r}.")
    return str(value)


def _number(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value)


def _scale(value: Any, file: Path) -> float:
    if not (_number(value) and 0 < value <= 1):
        raise WeightsError(f"scale in {file} is what pixels of 0 to 255 are multiplied by: 1, or 0.00392157.")
    return float(value)


def _triple(key: str, value: Any, file: Path, *, least: float = float("-inf")) -> tuple[float, float, float]:
    values = value if isinstance(value, list) else [value] * 3
    if len(values) != 3 or not all(_number(one) and one >= least for one in values):
        raise WeightsError(f"{key} in {file} is a number for each of three channels, as [0.5, 0.5, 0.5].")
    red, green, blue = (float(one) for one in values)
    return red, green, blue
