"""Reads pickles that name nothing but what is expected in them: no code of a file is ever run."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any, ClassVar

from gallery.errors import WeightsError


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that knows the globals in `allowed` and refuses every other.

    `content` says in the refusal what the file should hold. Loading raises WeightsError for another global.
    """

    allowed: ClassVar[Mapping[tuple[str, str], Any]] = {}
    content: ClassVar[str] = ""

    def find_class(self, module: str, name: str) -> Any:
        """Return what an allowed global stands for. Raises: WeightsError for any other."""
        try:
            return self.allowed[module, name]
        except KeyError:
            raise WeightsError(
                f"The weights file asks for the Python object {module}.{name}, which {self.content} no need "
                "of; it was not loaded. Install the original package again."
            ) from None
