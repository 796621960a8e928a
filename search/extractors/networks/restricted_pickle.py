"""Reads pickles that name nothing but what is expected in them: no code of a file is ever run."""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Mapping
from typing import Any, BinaryIO, ClassVar

from gallery.errors import WeightsError

# Places of the memo that pickles of weights use: some for each tensor. For the number of a place, which a
# damaged file may give as 2^32, the unpickler takes memory at once.
MOST_PLACES = 1_000_000


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that knows the globals in `allowed` and refuses every other.

    `content` says in the refusal what the file should hold. Loading raises WeightsError for another global.
    """

    allowed: ClassVar[Mapping[tuple[str, str], Any]] = {}
    content: ClassVar[str] = ""

    @classmethod
    def read(cls, file: BinaryIO) -> Any:
        """Return what the next pickle of a file holds, once its operations were looked through.

        Raises: WeightsError; one of `search.damage.DAMAGE` when it is no pickle.
        """
        start = file.tell()
        for operation, argument, _ in pickletools.genops(file):
            if operation.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > MOST_PLACES:
                raise WeightsError(f"The weights file is damaged: its pickle asks for place {argument}.")
        file.seek(start)
        return cls(file).load()

    def find_class(self, module: str, name: str) -> Any:
        """Return what an allowed global stands for. Raises: WeightsError for any other."""
        try:
            return self.allowed[module, name]
        except KeyError:
            raise WeightsError(
                f"The weights file asks for the Python object {module}.{name}, which {self.content} no need "
                "of; it was not loaded. Install the original package again."
            ) from None
