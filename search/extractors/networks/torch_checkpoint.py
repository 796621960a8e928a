"""Reads tensors from a legacy PyTorch checkpoint without PyTorch and without running code from the file.

The legacy format (PyTorch before 1.6, `torch/serialization.py`, `_legacy_save`) is five pickles in a row
(magic number, protocol, system information, the object, the storage keys) followed by the raw storages,
each an int64 element count and its little-endian elements.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from gallery.errors import WeightsError
from search.damage import DAMAGE
from search.extractors.networks.restricted_pickle import RestrictedUnpickler

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001


@dataclass(frozen=True)
class _StorageType:
    """What a `torch.FloatStorage` global stands for here: only its element type."""

    dtype: np.dtype[Any]


@dataclass(frozen=True)
class _Storage:
    """A storage announced by the object pickle; its bytes follow at the end of the file."""

    key: str
    dtype: np.dtype[Any]
    elements: int


@dataclass(frozen=True)
class _Tensor:
    """A view into a storage, in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: _Storage,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    requires_grad: bool = False,
    hooks: object = None,
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


ALLOWED_GLOBALS: dict[tuple[str, str], Callable[..., object] | _StorageType] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): _StorageType(np.dtype("<f4")),
    ("torch", "LongStorage"): _StorageType(np.dtype("<i8")),
}


class _TensorUnpickler(RestrictedUnpickler):
    """An unpickler that knows the four globals of a checkpoint of tensors."""

    allowed = ALLOWED_GLOBALS
    content = "a checkpoint of tensors has"

    def persistent_load(self, pid: Any) -> _Storage:
        match pid:
            case ("storage", _StorageType() as kind, str() as key, str(), int() as elements, None):
                return _Storage(key, kind.dtype, elements)
        raise WeightsError(f"The weights file holds a storage reference of an unknown form: {pid!r}.")


def read_checkpoint(path: Path, sha256: str) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of a legacy checkpoint by name, as float32 arrays in PyTorch's axis order.

    `sha256` is the expected hex digest of the whole file; nothing is unpickled unless it matches.

    Raises:
        WeightsError: the file is missing, is not the expected one, or is not a plain checkpoint.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"The weights file {path.name} cannot be read: {error.strerror}.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise WeightsError(
            f"The weights file {path.name} is not the expected one (SHA-256 {found}, expected {sha256}). "
            "Install the package that brought it again."
        )
    return read_tensors(io.BytesIO(content))


def read_tensors(file: BinaryIO) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of an open legacy checkpoint whose origin has been verified.

    Raises:
        WeightsError: the stream is not a plain checkpoint or names a forbidden global.
    """
    try:
        if _TensorUnpickler.read(file) != MAGIC_NUMBER:
            raise WeightsError("The weights file is not a legacy PyTorch checkpoint.")
        if _TensorUnpickler.read(file) != PROTOCOL_VERSION:
            raise WeightsError("The weights file has an unknown PyTorch protocol version.")
        system = _TensorUnpickler.read(file)
        if system.get("little_endian") is not True:
            raise WeightsError("The weights file was written on a big-endian machine; it cannot be read.")
        state = _TensorUnpickler.read(file)
        keys = _TensorUnpickler.read(file)
        tensors = {name: value for name, value in state.items() if isinstance(value, _Tensor)}
        storages = _read_storages(file, keys, {t.storage.key: t.storage for t in tensors.values()})
        return {name: _view(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}
    except DAMAGE as error:
        raise WeightsError(f"The weights file is damaged: {error}.") from error


def _read_storages(
    file: BinaryIO, keys: list[str], announced: dict[str, _Storage]
) -> dict[str, NDArray[Any]]:
    storages: dict[str, NDArray[Any]] = {}
    left = _bytes_left(file)
    for key in keys:
        storage = announced[key]
        elements = int.from_bytes(file.read(8), "little")
        size = elements * storage.dtype.itemsize
        left -= 8 + size
        # before so much is asked for: memory for a count that is wrong may not be there
        if elements != storage.elements or left < 0:
            raise WeightsError(f"The weights file ends early or its storage {key} has the wrong size.")
        storages[key] = np.frombuffer(file.read(size), dtype=storage.dtype)
    return storages


def _bytes_left(file: BinaryIO) -> int:
    here = file.tell()
    end = file.seek(0, io.SEEK_END)
    file.seek(here)
    return end - here


def _view(tensor: _Tensor, storage: NDArray[Any]) -> NDArray[np.float32]:
    """Copy one strided view out of its storage; the bounds are checked before numpy trusts them."""
    reach = sum((side - 1) * stride for side, stride in zip(tensor.shape, tensor.strides, strict=True))
    if tensor.offset < 0 or min((*tensor.shape, *tensor.strides, 0)) < 0:
        raise WeightsError("The weights file holds a tensor with a negative offset, shape or stride.")
    if 0 not in tensor.shape and tensor.offset + reach >= storage.size:
        raise WeightsError("The weights file holds a tensor that reaches past its storage.")
    if math.prod(tensor.shape) > storage.size:
        raise WeightsError("The weights file holds a tensor that is larger than its storage.")
    strides = tuple(stride * storage.itemsize for stride in tensor.strides)
    view = np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides, writeable=False)
    return np.ascontiguousarray(view, dtype=np.float32).reshape(tensor.shape)
