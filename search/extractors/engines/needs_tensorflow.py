"""Says in one sentence what to install where something needs TensorFlow, which serving does without."""

from __future__ import annotations

import importlib.util
import sys

from gallery.errors import WeightsError
from gallery.system.home.shipped_files import program

# Keras imports them where they are installed, for wrappers and data that nothing here uses
BESIDE_KERAS = ("sklearn", "pandas")


def leave_out_what_stands_beside_keras() -> None:
    """Let a process that does nothing but run Keras import it in three quarters of the time."""
    for name in BESIDE_KERAS:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def tensorflow_installed() -> bool:
    """Whether TensorFlow is installed; it is not loaded."""
    return importlib.util.find_spec("tensorflow") is not None


def require_tensorflow(what: str, convertible: str = "") -> None:
    """Refuse what cannot be done without TensorFlow; a `convertible` network can come converted instead.

    Raises:
        WeightsError: TensorFlow is not installed.
    """
    if tensorflow_installed():
        return
    bring = f", or bring what `{program()} convert_networks {convertible}` makes where it is installed"
    raise WeightsError(
        f"{what} needs TensorFlow, which is not installed here: pip install -r requirements.txt"
        f"{bring if convertible else ''}."
    )
