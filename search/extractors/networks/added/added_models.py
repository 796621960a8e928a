"""Models that `add_model` put into the home: a network for images and, with most, one for text beside it.

Each lies in a folder of its own, below one folder for all, with the files that somebody brought:

    visual.onnx      images -> vectors (n, d)
    text.onnx        tokens -> vectors (n, d), near those of the images that a text describes
    tokenizer.json   what makes tokens of a text, as the library `tokenizers` saves it
    model.json       what the three are; docs/how-to/free-text.md describes its keys

`search.extractors.networks.added.added_networks` makes a network of the first.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from gallery.errors import WeightsError
from search.extractors.networks.added import onnx_files
from search.extractors.networks.added.onnx_files import Preprocessing
from search.extractors.networks.keras_applications import file_digest

DESCRIBED_IN = "model.json"
CHECKED_IN = "checked.json"
CHECKED_FORMAT = 1  # raise when inspect_added.py checks something else: models are then to be added again
VISUAL, TEXT, TOKENIZER = "visual.onnx", "text.onnx", "tokenizer.json"
LAYER = "embedding"

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
DIGEST = re.compile(r"[0-9a-f]{64}")
TEXT_KEYS = ("context_length", "pad_id", "lowercase", "text_output", "probe")
OTHER_KEYS = ("name", "title", "licence", "source", "dims", "visual_output", "files")
KEYS = (*OTHER_KEYS, *onnx_files.KEYS, *TEXT_KEYS)
LARGEST_DIMS = 8192
LARGEST_NUMBER = 1e30  # of a vector
LONGEST_CONTEXT = 4096
LARGEST_DESCRIPTION_BYTES = 2**20


@dataclass(frozen=True)
class Probe:
    """A text whose tokens (ids) or vector somebody knows; () stands for what nobody does."""

    text: str
    ids: tuple[int, ...]
    vector: tuple[float, ...]


@dataclass(frozen=True)
class TextTower:
    """The network for text: at most `context_length` tokens, filled up with `pad_id`, None for the usual one.

    `output` is the name of its output, "" where it has one that fits.
    """

    context_length: int
    pad_id: int | None
    lowercase: bool
    output: str
    probe: Probe | None


@dataclass(frozen=True)
class AddedModel:
    """What `model.json` in a folder says; `files` are the SHA-256 of each by its name."""

    folder: Path
    name: str
    title: str
    licence: str
    source: str
    dims: int
    preprocessing: Preprocessing
    visual_output: str
    text: TextTower | None
    files: Mapping[str, str]

    @property
    def digest(self) -> str:
        """The SHA-256 of all that decides the vectors of images: weights, and what is done to pixels."""
        weights = sorted((name, digest) for name, digest in self.files.items() if not _is_of_text(name))
        decides = (weights, self.preprocessing, self.visual_output, self.dims)
        return hashlib.sha256(repr(decides).encode()).hexdigest()

    @property
    def text_digest(self) -> str:
        """The SHA-256 of all that decides the vectors of texts."""
        return hashlib.sha256(repr((sorted(self.files.items()), self.text)).encode()).hexdigest()


def _is_of_text(name: str) -> bool:
    """Whether a file decides vectors of texts alone; weights outside an ONNX file may have any name."""
    return name == TOKENIZER or name.startswith("text")


class Checked(TypedDict):
    """What `inspect_added` writes of a model whose towers it ran."""

    format: int
    input_size: int
    parameters: int
    text_parameters: int
    ms_image: float
    ms_text: float | None


def read(folder: Path) -> AddedModel:
    """Return what the description in a folder says.

    Raises:
        WeightsError: there is none, or a value in it cannot be, with what to do.
    """
    file = folder / DESCRIBED_IN
    try:
        if file.stat().st_size > LARGEST_DESCRIPTION_BYTES:
            raise WeightsError(
                f"{file} is larger than {LARGEST_DESCRIPTION_BYTES:,} bytes: it is another file."
            )
        values = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise WeightsError(
            f"There is no {file}: it says what the files beside it are, see docs/how-to/free-text.md."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(values, dict):
        raise WeightsError(f"{file} has to be an object, as in docs/how-to/free-text.md.")
    if unknown := sorted(set(values) - set(KEYS)):
        raise WeightsError(f"{file} has keys that nobody knows: {', '.join(unknown)}.")
    name = _text(values, "name", file)
    if not NAME.fullmatch(name) or len(name) > 40:
        raise WeightsError(
            f"name in {file} is up to 40 lower-case letters, digits and hyphens, as clip-vit-b-32."
        )
    files = _files(values.get("files"), file)
    return AddedModel(
        folder=folder,
        name=name,
        title=_text(values, "title", file),
        licence=_text(values, "licence", file),
        source=_text(values, "source", file),
        dims=_whole(values, "dims", file, 2, LARGEST_DIMS),
        preprocessing=onnx_files.preprocessing_of(values, file),
        visual_output=_text(values, "visual_output", file, default=""),
        text=_text_tower(values, files, file),
        files=files,
    )


def _files(values: Any, file: Path) -> dict[str, str]:
    """Return the digests of the files by their names, which cannot lead out of the folder."""
    if not isinstance(values, dict) or VISUAL not in values:
        raise WeightsError(f'files in {file} has the SHA-256 of each file, as {{"{VISUAL}": "9f86d0…"}}.')
    if (TEXT in values) != (TOKENIZER in values):
        raise WeightsError(f"files in {file}: {TEXT} and {TOKENIZER} come together, or neither does.")
    for name, digest in values.items():
        if not FILE_NAME.fullmatch(name) or name in (DESCRIBED_IN, CHECKED_IN) or len(name) > 100:
            raise WeightsError(
                f"files in {file}: {name!r} is no name of a file beside it; put the file there."
            )
        if not (isinstance(digest, str) and DIGEST.fullmatch(digest)):
            raise WeightsError(
                f"files in {file}: the SHA-256 of {name} is 64 digits, as `sha256sum {name}` says."
            )
    return dict(values)


def _text_tower(values: Mapping[str, Any], files: Mapping[str, str], file: Path) -> TextTower | None:
    if TEXT not in files:
        if told := [key for key in TEXT_KEYS if key in values]:
            raise WeightsError(
                f"{file} has {', '.join(told)}, and its files no {TEXT}: name it, or leave them out."
            )
        return None
    lowercase = values.get("lowercase", False)
    if not isinstance(lowercase, bool):
        raise WeightsError(f"lowercase in {file} is true or false.")
    return TextTower(
        context_length=_whole(values, "context_length", file, 2, LONGEST_CONTEXT),
        pad_id=_whole(values, "pad_id", file, 0, 2**31 - 1) if "pad_id" in values else None,
        lowercase=lowercase,
        output=_text(values, "text_output", file, default=""),
        probe=_probe(values["probe"], file) if "probe" in values else None,
    )


def _probe(values: Any, file: Path) -> Probe:
    known = values if isinstance(values, dict) and set(values) <= {"text", "ids", "vector"} else {}
    text, ids, vector = known.get("text"), known.get("ids", []), known.get("vector", [])
    lists = isinstance(ids, list) and isinstance(vector, list)
    if not (isinstance(text, str) and text and lists and (ids or vector)):
        raise WeightsError(f'probe in {file} is a text with its "ids", its "vector" or both.')
    if not all(type(one) is int for one in ids) or not all(map(_is_number, vector)):
        raise WeightsError(f"probe in {file}: ids are whole numbers, and a vector is of numbers.")
    return Probe(text, tuple(ids), tuple(map(float, vector)))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < LARGEST_NUMBER  # which NaN is not


def _text(values: Mapping[str, Any], key: str, file: Path, default: str | None = None) -> str:
    value = values.get(key, default)
    if not isinstance(value, str) or len(value) > 300 or (not value.strip() and default is None):
        raise WeightsError(f"{key} in {file} is a text of up to 300 characters; it has to be there.")
    return value.strip()


def _whole(values: Mapping[str, Any], key: str, file: Path, least: int, most: int) -> int:
    value = values.get(key)
    if type(value) is not int or not least <= value <= most:
        raise WeightsError(
            f"{key} in {file} is a whole number from {least:,} to {most:,}; it has to be there."
        )
    return value


def checked(folder: Path) -> Checked:
    """Return what was found out when a model was added.

    Raises:
        WeightsError: nothing was, or it is damaged.
    """
    try:
        values: Checked = json.loads((folder / CHECKED_IN).read_text(encoding="utf-8"))
        if values["format"] == CHECKED_FORMAT and values["input_size"] > 0:
            return values
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        pass
    raise WeightsError(f"The model in {folder} was not added as a whole: remove it and add it again.")


def require_files(folder: Path) -> AddedModel:
    """Return the model in a folder whose files are those that its description names.

    Raises:
        WeightsError: one is gone or has changed.
    """
    model = read(folder)
    for name, digest in model.files.items():
        if file_digest(folder / name) != digest:
            raise WeightsError(
                f"{folder / name} has changed since it was added: remove the model and add it again."
            )
    return model


def require_whole(folder: Path) -> AddedModel:
    """Return the model in a folder, which was added as a whole and has not changed since.

    Raises:
        WeightsError: it is not so.
    """
    checked(folder)
    return require_files(folder)


def found_in(root: Path | None) -> list[Path]:
    """Return the folders of the models that were added, by name; those being added begin with a dot."""
    if root is None or not root.is_dir():
        return []
    return sorted(one for one in root.iterdir() if NAME.fullmatch(one.name) and one.is_dir())
