"""Tells which networks from outside cannot exist, without loading Keras or a file."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import zipfile
from functools import cache
from pathlib import Path

from gallery.errors import WeightsError
from search.extractors.networks.added import onnx_files

LIST = "https://keras.io/api/applications/"


def require_file(file: Path | None, title: str) -> None:
    """Refuse a file of a network that is not there, or that cannot be one.

    Raises:
        WeightsError: it is so, with what to do.
    """
    if file is None:
        return
    if not file.is_file():
        raise WeightsError(f"The model {file} is not there: put it there, or take it out of EXTRA_NETWORKS.")
    if file.suffix == onnx_files.SUFFIX:
        try:
            if not onnx_files.is_one(file):
                raise WeightsError(f"{file} is damaged, or no ONNX file.")
            onnx_files.preprocessing(file)
        except OSError as error:
            raise WeightsError(f"The model {file} cannot be read: {error.strerror}.") from error
        except WeightsError as error:
            raise WeightsError(f"{title} cannot be used: {error.detail}") from error
    elif not _is_keras(file):
        raise WeightsError(
            f"The model {file} cannot be loaded as a Keras model: it is damaged, or no file that "
            "today's Keras saves with model.save('mine.keras')."
        )


def _is_keras(file: Path) -> bool:
    """Whether a file has the parts of one that today's Keras saves."""
    try:
        with zipfile.ZipFile(file) as archive:
            return {"config.json", "model.weights.h5"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def require_application(name: str) -> None:
    """Refuse a network of Keras Applications that the installed Keras does not have.

    Raises:
        WeightsError: there is none.
    """
    known = applications_of_keras()
    if known and name not in known:
        near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
        meant = f" Did you mean keras:{near[0]}?" if near else ""
        raise WeightsError(f"Keras Applications has no network {name!r}; see {LIST}.{meant}")


@cache
def applications_of_keras() -> frozenset[str]:
    """Return the networks that the installed Keras names; none where there is no Keras, or another layout."""
    try:
        found = importlib.util.find_spec("keras")
        folder = Path((found and found.origin) or "").parent
        tree = ast.parse((folder / "applications" / "__init__.py").read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError, ImportError):
        return frozenset()
    imported = (name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names)
    names = {name.asname or name.name for name in imported}
    return frozenset(name for name in names if name[0].isupper())  # modules of families are in lower case
