"""What tests of images, datasets and jobs share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def quick_features(features_of_colours: None) -> None:
    """Embed images in the least time: no test here is about what is made of them."""
