"""The version of the client: that of the server that it comes with."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.2.0"
