"""Adds models that somebody brings to the home, and removes them: a model is there whole, or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypedDict

from django.conf import settings

from gallery.errors import NotFoundError, SemsearchError, TooLargeError, WeightsError
from gallery.system.home import disk_space
from search.extractors.engines.subprocesses import run_module
from search.extractors.networks import registry
from search.extractors.networks.added import added_models, added_networks
from search.extractors.networks.added.added_models import DESCRIBED_IN, TOKENIZER, AddedModel
from search.models import SearchIndex

CHECKED_WITHIN_S = 1800
LARGEST_BYTES = 8 * 2**30  # of a file
LARGEST_TOKENIZER_BYTES = 128 * 2**20
BLOCK = 2**20
ASIDE = ".adding-"


class ModelInUseError(SemsearchError):
    """A model answers live searches."""

    code = "model_in_use"
    status = 409


class AddedModelReport(TypedDict):
    """What a model is that was added, or would be."""

    name: str
    title: str
    licence: str
    source: str
    dims: int
    input_size: int
    parameters: int
    text: Annotated[bool, "Whether it answers free text."]
    text_parameters: int
    ms_image: Annotated[float, "Milliseconds an image, taken once, on all cores."]
    ms_text: float | None
    bytes: int
    folder: Annotated[str, "Where it lies now; empty after --dry-run."]


class RemovedModelReport(TypedDict):
    """What was removed."""

    name: str
    bytes: int


def add(folder: Path, *, dry_run: bool = False) -> AddedModelReport:
    """Check the model in a folder, and copy it into the home.

    Raises:
        WeightsError: it cannot be used, with what to do; NotFoundError: there is no such folder, or its name
        is taken; TooLargeError; DiskFullError.
    """
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}: name the one with {DESCRIBED_IN} and the files.")
    model = added_models.read(folder)
    _require_free(model.name)
    size = sum(_size(folder / name) for name in model.files)
    if shortage := disk_space.shortage(size):
        raise shortage
    with _aside() as aside:
        aside.chmod(settings.HOME_MODE)
        _copy(model, aside)
        facts = _examined(aside)
        report: AddedModelReport = {
            "name": model.name,
            "title": model.title,
            "licence": model.licence,
            "source": model.source,
            "dims": model.dims,
            "input_size": facts["input_size"],
            "parameters": facts["parameters"],
            "text": model.text is not None,
            "text_parameters": facts["text_parameters"],
            "ms_image": facts["ms_image"],
            "ms_text": facts["ms_text"],
            "bytes": size,
            "folder": "",
        }
        if not dry_run:
            place = settings.MODELS_ROOT / model.name
            if place.exists():
                raise NotFoundError(
                    f"There is {place} already: remove it first, with remove_model {model.name}."
                )
            aside.rename(place)
            report["folder"] = str(place)
    return report


def remove(name: str) -> RemovedModelReport:
    """Remove a model that was added, and what it was converted to; its features and experiments stay.

    Raises:
        NotFoundError: no such model was added; ModelInUseError: live search uses it.
    """
    folder = settings.MODELS_ROOT / name
    if folder not in added_models.found_in(settings.MODELS_ROOT):
        added = ", ".join(one.name for one in added_models.found_in(settings.MODELS_ROOT)) or "none"
        raise NotFoundError(
            f"No model {name!r} was added; there are: {added}. One of EXTRA_NETWORKS is taken out there."
        )
    live = SearchIndex.shown.filter(live=True, spec__model=name).order_by("dataset__slug")
    if slugs := list(live.values_list("dataset__slug", flat=True)):
        raise ModelInUseError(
            f"{name} answers live searches of {', '.join(slugs)}: switch them to another network first, with "
            "promote SLUG --back, or on the leaderboard."
        )
    size = sum(one.stat().st_size for one in folder.iterdir())
    with _aside() as aside:
        folder.rename(aside / name)
    for converted in (settings.CACHE_ROOT / "models" / "openvino").glob(f"{name}-*-{added_models.LAYER}-*"):
        shutil.rmtree(converted, ignore_errors=True)
    return {"name": name, "bytes": size}


def _require_free(name: str) -> None:
    try:
        taken = registry.get_network(name)
    except NotFoundError:
        return
    was_added = taken.source.startswith(added_networks.PREFIX)
    remedy = f"remove that first, with remove_model {name}" if was_added else "change name in model.json"
    raise NotFoundError(f"There is a network {name!r} already: {remedy}.")


def _size(file: Path) -> int:
    """Return the bytes of a file. Raises: WeightsError where it is none; TooLargeError."""
    if file.is_symlink():
        raise WeightsError(f"{file} is a link: put the file itself there, as by cp -L.")
    if not file.is_file():
        raise WeightsError(f"{file} is not there, and {DESCRIBED_IN} names it: put it there.")
    size = file.stat().st_size
    most = LARGEST_TOKENIZER_BYTES if file.name == TOKENIZER else LARGEST_BYTES
    if size > most:
        raise TooLargeError(f"{file} has {size:,} bytes; at most {most:,} are taken.")
    return size


@contextmanager
def _aside() -> Iterator[Path]:
    """Make a folder beside the models that is gone afterwards; one process at a time adds or removes.

    What a process left that was killed goes as well.
    """
    root = settings.MODELS_ROOT
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in root.glob(f"{ASIDE}*"):
            shutil.rmtree(left, ignore_errors=True)
        aside = Path(tempfile.mkdtemp(prefix=ASIDE, dir=root))
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _copy(model: AddedModel, aside: Path) -> None:
    """Copy the files of a model. Raises: WeightsError where one is another than its description says."""
    for name, digest in model.files.items():
        found = _copied(model.folder / name, aside / name)
        if found != digest:
            raise WeightsError(
                f"{model.folder / name} has the SHA-256 {found}, and {DESCRIBED_IN} says {digest}: bring the "
                f"file whole, or correct {DESCRIBED_IN}."
            )
    _copied(model.folder / DESCRIBED_IN, aside / DESCRIBED_IN)


def _copied(source: Path, target: Path) -> str:
    """Copy a file; returns its SHA-256."""
    digest = hashlib.sha256()
    try:
        with source.open("rb") as read, target.open("xb") as written:
            while block := read.read(BLOCK):
                digest.update(block)
                written.write(block)
    except PermissionError as error:
        raise WeightsError(f"{source} cannot be read: {error.strerror}.") from error
    target.chmod(settings.FILE_UPLOAD_PERMISSIONS)
    return digest.hexdigest()


def _examined(folder: Path) -> added_models.Checked:
    """Run the networks of a model in a process of its own. Raises: WeightsError with the reason."""
    try:
        run_module("search.extractors.networks.added.inspect_added", str(folder), limit_s=CHECKED_WITHIN_S)
    except subprocess.TimeoutExpired as error:
        raise WeightsError(f"Running the model took over {CHECKED_WITHIN_S} s.") from error
    except subprocess.CalledProcessError as error:
        reason = str(error.stderr).replace(f"{folder}/", "")
        raise WeightsError(f"The model cannot be used: {reason}") from error
    return added_models.checked(folder)
