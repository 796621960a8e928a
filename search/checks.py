"""System checks of the feature settings."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from gallery.errors import SemsearchError
from search.extractors import registry


@register()
def check_features(**_: Any) -> list[CheckMessage]:
    """Return what is wrong with the feature settings."""
    found: list[CheckMessage] = []
    if settings.FEATURE_ENGINE not in ("auto", "openvino", "tensorflow"):
        found.append(
            Error(
                f"FEATURE_ENGINE is {settings.FEATURE_ENGINE!r}.",
                hint="Use auto, openvino or tensorflow.",
                id="search.E001",
            )
        )
    if settings.EXTRACT_BATCH < 1 or settings.COMPACT_AFTER < 1:
        found.append(
            Error("EXTRACT_BATCH and COMPACT_AFTER must be 1 or more.", hint="Unset them.", id="search.E002")
        )
    if not 0.5 <= settings.INDEX_RECALL < 1 or settings.INDEX_BYTES_PER_VECTOR < 1:
        hint = "INDEX_RECALL is a share from 0.5 to below 1, as 0.99; INDEX_BYTES_PER_VECTOR is 1 or more."
        found.append(Error("The index cannot be tuned to these settings.", hint=hint, id="search.E006"))
    try:
        registry.install(settings.EXTRA_NETWORKS, settings.CACHE_ROOT / "models")
    except SemsearchError as error:
        hint = "Name Keras applications as keras:MobileNetV2 and files as file:/path/mine.keras."
        found.append(Error(f"EXTRA_NETWORKS cannot be used: {error.detail}", hint=hint, id="search.E003"))
    return found
