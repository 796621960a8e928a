"""What tests of networks share."""

from __future__ import annotations

import pytest

from search.extractors.engines import openvino


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have OpenVINO compute in float32: whether bf16 is taken is measured, and so caches may differ."""
    monkeypatch.setattr(openvino, "has_native_bf16", lambda: False)
