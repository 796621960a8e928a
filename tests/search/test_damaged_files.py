"""A file that is not what was written is said to be damaged, wherever it is; nothing else is raised."""

from __future__ import annotations

import io
import json
import pickle
import random
import shutil
import struct
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gallery.errors import IndexDamagedError, WeightsError
from search.damage import DAMAGE
from search.extractors.networks import squeezenet
from search.extractors.networks.added import extra_networks
from search.extractors.networks.torch_checkpoint import MAGIC_NUMBER, PROTOCOL_VERSION, read_tensors
from search.extractors.pca import components
from search.index.faiss import generation as generations
from search.index.faiss.generation import DATA_FILES, Generation, Manifest
from search.index.faiss.seal import SEAL_FILE, state_of
from search.index.faiss.store import GenerationStore
from search.index.faiss.stored_vectors import CENTRE_FILE, MappedVectors
from tests.search.extractors.test_extra_networks import own_model
from tests.search.index.test_store import DIMS, build, centred


def damaged_copies(content: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield copies in which a bit is flipped, a byte is another, or the end is cut off."""
    chance = random.Random(seed)
    for number in range(count):
        copy = bytearray(content)
        place = chance.randrange(len(copy))
        if number % 8 == 7:
            del copy[place:]
        elif number % 2:
            copy[place] = chance.randrange(256)
        else:
            copy[place] ^= 1 << chance.randrange(8)
        yield bytes(copy)


def outcomes(copies: Iterator[bytes], read: Callable[[bytes], object], refused: type[Exception]) -> list[str]:
    """Read each copy and tell how it went; anything else that is raised fails the test."""
    found = []
    for copy in copies:
        try:
            read(copy)
            found.append("read")
        except refused:
            found.append("refused")
    return found


@pytest.fixture
def published(tmp_path: Path) -> Generation:
    """Return a generation as it was published."""
    return build(GenerationStore(tmp_path / "indexes"))


def test_no_flipped_byte_of_a_manifest_is_believed(published: Generation) -> None:
    path = published.folder / "manifest.json"
    content = path.read_bytes()
    whole = Manifest.read(published.folder)
    believed = 0
    for copy in damaged_copies(content, 400):
        path.write_bytes(copy)
        try:
            # a blank in another place changes nothing of what it says
            assert Manifest.read(published.folder) == whole
            believed += copy != content
        except IndexDamagedError:
            continue
    assert believed < 20
    values = json.loads(content)
    for name in values:
        path.write_text(json.dumps({**values, name: "HNSW32,Flat"}))
        with pytest.raises(IndexDamagedError):
            Manifest.read(published.folder)


def test_a_manifest_of_an_earlier_version_has_no_digest_and_is_looked_at(published: Generation) -> None:
    path = published.folder / "manifest.json"
    values = json.loads(path.read_text())
    del values["digest"]
    path.write_text(json.dumps(values))
    assert Generation.open(published.folder).count == 200
    for name, wrong in (
        ("factory", "Flau"),
        ("count", -1),
        ("dims", 2**60),
        ("checksums", []),
        ("count", True),
    ):
        path.write_text(json.dumps({**values, name: wrong}))
        with pytest.raises(IndexDamagedError):
            Manifest.read(published.folder)


@pytest.mark.parametrize("name", DATA_FILES)
def test_a_file_that_was_touched_is_read_at_the_next_start_however_large_it_is(
    published: Generation, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(generations, "CHECKED_BYTES", 0)  # as if all files were large
    Generation.open(published.folder)
    path = published.folder / name
    content = path.read_bytes()
    for copy in damaged_copies(content, 60):
        if copy != content:
            path.write_bytes(copy)
            for _ in range(2):
                with pytest.raises(IndexDamagedError, match="rebuild_index"):
                    Generation.open(published.folder, checksums=False)
    path.write_bytes(content)
    assert Generation.open(published.folder, checksums=False).count == 200


def noted_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with each file that is read for its checksum."""
    read: list[str] = []
    digest = generations.sha256_of

    def noted(path: Path) -> str:
        read.append(path.name)
        return digest(path)

    monkeypatch.setattr(generations, "sha256_of", noted)
    return read


def test_a_large_file_is_read_once_and_again_after_it_was_found_damaged(
    published: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "CHECKED_BYTES", 0)
    read = noted_reads(monkeypatch)
    folder = published.folder
    Generation.open(folder, checksums=False)
    assert sorted(read) == sorted(DATA_FILES)
    read.clear()
    Generation.open(folder, checksums=False)
    assert read == []
    # bits that turn on the disk touch no file: verify reads all, and then no start trusts it
    states = json.loads((folder / SEAL_FILE).read_text())
    path = folder / "vectors.f16"
    content = bytearray(path.read_bytes())
    content[100] ^= 4
    path.write_bytes(content)
    states["vectors.f16"] = state_of(path)
    (folder / SEAL_FILE).write_text(json.dumps(states))
    Generation.open(folder, checksums=False)
    for every in (True, False):
        with pytest.raises(IndexDamagedError, match="checksum"):
            Generation.open(folder, checksums=every)


def test_what_was_published_is_not_read_again_and_a_copy_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "CHECKED_BYTES", 0)
    store = GenerationStore(tmp_path / "indexes")
    folder = build(store).folder
    assert set(json.loads((folder / SEAL_FILE).read_text())) == set(DATA_FILES)
    read = noted_reads(monkeypatch)
    assert store.open_current("objects", checksums=False) is not None
    assert read == []
    shutil.copytree(folder, tmp_path / "copy" / "g1")
    Generation.open(tmp_path / "copy" / "g1", checksums=False)
    assert len(read) == len(DATA_FILES)


def test_a_damaged_centre_is_refused(published: Generation) -> None:
    path = published.folder / CENTRE_FILE
    content = path.read_bytes()

    def read(copy: bytes) -> None:
        path.write_bytes(copy)
        try:
            MappedVectors.open(published.folder, 200, DIMS)
        except DAMAGE as error:
            raise IndexDamagedError("damaged") from error

    assert "refused" in outcomes(damaged_copies(content[:128], 150), read, IndexDamagedError)


def test_searches_go_on_in_what_is_whole(published: Generation) -> None:
    assert published.search(centred(published, published.ids[:1]), 1).ids.tolist() == [[100]]


class _Tensor:
    """A tensor as PyTorch pickles it."""

    def __init__(self, key: str, shape: tuple[int, ...]) -> None:
        self.key, self.shape = key, shape

    def __reduce__(self) -> tuple[Any, ...]:
        strides = tuple(int(np.prod(self.shape[place + 1 :])) for place in range(len(self.shape)))
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (
            _Held(self.key, int(np.prod(self.shape))),
            0,
            self.shape,
            strides,
            False,
            OrderedDict(),
        )


class _Held:
    """A storage as PyTorch pickles it: by reference."""

    def __init__(self, key: str, elements: int) -> None:
        self.key, self.elements = key, elements


class _Pickler(pickle.Pickler):
    def persistent_id(self, one: Any) -> Any:
        if isinstance(one, _Held):
            return ("storage", sys.modules["torch"].FloatStorage, one.key, "cpu", one.elements, None)
        return None


@pytest.fixture
def checkpoint(monkeypatch: pytest.MonkeyPatch) -> Callable[..., bytes]:
    """Return a function that writes a small legacy checkpoint, as PyTorch would."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})  # type: ignore[attr-defined]

    def _rebuild_tensor_v2() -> None:
        """Stand for PyTorch's function, of which only the name is written."""

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    def write(
        shapes: dict[str, tuple[int, ...]], announced: int | None = None, stored: int | None = None
    ) -> bytes:
        out = io.BytesIO()
        for part in (MAGIC_NUMBER, PROTOCOL_VERSION, {"little_endian": True}):
            pickle.dump(part, out, protocol=2)
        state = OrderedDict(
            (name, _Tensor(str(place), shape)) for place, (name, shape) in enumerate(shapes.items())
        )
        if announced is not None:
            monkeypatch.setattr(
                _Held, "__init__", lambda self, key, _: self.__dict__.update(key=key, elements=announced)
            )
        _Pickler(out, protocol=2).dump(state)
        pickle.dump([str(place) for place in range(len(shapes))], out, protocol=2)
        for shape in shapes.values():
            elements = int(np.prod(shape))
            out.write(struct.pack("<Q", elements if stored is None else stored))
            out.write(np.arange(elements, dtype="<f4").tobytes())
        return out.getvalue()

    return write


SHAPES = {"stem": (4, 3, 3, 3), "bias": (4,), "top": (2, 5)}


def test_a_damaged_checkpoint_is_refused_or_read_and_nothing_else(checkpoint: Callable[..., bytes]) -> None:
    content = checkpoint(SHAPES)
    assert {name: one.shape for name, one in read_tensors(io.BytesIO(content)).items()} == SHAPES
    found = outcomes(
        damaged_copies(content, 1_500), lambda copy: read_tensors(io.BytesIO(copy)), WeightsError
    )
    assert found.count("refused") > 300


@pytest.mark.parametrize("count", [2**31, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**80, -1, -(2**70)])
def test_a_checkpoint_that_announces_what_it_has_not_is_refused(
    checkpoint: Callable[..., bytes], count: int
) -> None:
    stored = count if 0 <= count < 2**64 else None
    content = checkpoint({"top": (2, 5)}, count, stored)
    with pytest.raises(WeightsError):
        read_tensors(io.BytesIO(content))


@pytest.mark.parametrize("shape", [(2**31, 2**31), (2**62, 4), (2**70,), (10**9, 0, 3), (10**6, 10**6)])
def test_a_tensor_of_a_size_that_cannot_be_is_refused(
    checkpoint: Callable[..., bytes], shape: tuple[int, ...]
) -> None:
    content = checkpoint({"top": (2, 5)})
    sides, strides = pickle.dumps((2, 5), protocol=2)[2:-1], pickle.dumps(shape, protocol=2)[2:-1]
    assert content.count(b"K\x02K\x05\x86") == 1, (sides, strides)
    wrong = pickle.dumps(shape, protocol=2)[2:].partition(b"q\x00")[0]
    changed = content.replace(b"K\x02K\x05\x86", wrong)
    try:
        tensors = read_tensors(io.BytesIO(changed))
    except WeightsError:
        return
    assert all(one.size <= 10 for one in tensors.values())


def test_a_place_that_would_take_all_memory_is_not_taken(checkpoint: Callable[..., bytes]) -> None:
    content = pickle.dumps(MAGIC_NUMBER, protocol=2)
    bomb = content[:-1] + b"r" + struct.pack("<I", 2**32 - 1) + b"."
    with pytest.raises(WeightsError, match="asks for place"):
        read_tensors(io.BytesIO(bomb))


def test_damaged_arrays_of_a_pickle_are_refused_or_read() -> None:
    arrays = {"conv1": [np.ones((3, 3, 3, 4), dtype=np.float32), np.ones(4, dtype=np.float32)]}
    content = pickle.dumps(arrays, protocol=3).replace(b"numpy._core", b"numpy.core")
    assert squeezenet.read_arrays(content)["conv1"][0].shape == (3, 3, 3, 4)
    found = outcomes(damaged_copies(content[:400], 400), squeezenet.read_arrays, WeightsError)
    assert set(found) <= {"read", "refused"}


def test_a_damaged_pca_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: NDArray[np.float16] = np.eye(8, 4, dtype=np.float16)
    out = io.BytesIO()
    np.savez(out, components=rows, model=np.str_("m"), layer=np.str_("top"), pooling=np.str_("gem"))
    monkeypatch.setattr(components, "COMPONENTS_DIR", tmp_path)

    def read(copy: bytes) -> None:
        (tmp_path / "one.npz").write_bytes(copy)
        components.load_pca.__wrapped__("one")

    read(out.getvalue())
    found = outcomes(damaged_copies(out.getvalue(), 300), read, WeightsError)
    assert found.count("refused") > 100


def test_a_damaged_description_of_a_network_is_made_anew(tmp_path: Path) -> None:
    network = extra_networks.extra_network("file:/models/mine.keras", tmp_path)
    network.folder.mkdir(parents=True)
    layer = {"name": "top", "title": "", "operation": "Conv2D", "shape": [1, 1, 3], "receptive_field": 3}
    values = {
        "format": 1, "source": network.source, "model_file": "/models/mine.keras", "model_digest": "a",
        "weights_digest": "b", "input_size": 32, "layers": {"top": "conv"}, "taps": [layer],
    }  # fmt: skip
    path = network.folder / extra_networks.DESCRIPTION_FILE
    for copy in (
        b"[]",
        b"[" * 100_000,
        b"3",
        b'{"format": 1}',
        *damaged_copies(json.dumps(values).encode(), 300),
    ):
        path.write_bytes(copy)
        extra_networks.examined(network)


def test_a_damaged_model_of_ones_own_is_refused_or_loaded(tmp_path: Path) -> None:
    path = tmp_path / "mine.keras"
    own_model(path)
    content = path.read_bytes()

    def read(copy: bytes) -> None:
        path.write_bytes(copy)
        extra_networks.load_model(path)

    assert outcomes(damaged_copies(content, 24), read, WeightsError).count("refused") > 3
