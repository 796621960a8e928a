"""System checks of the feature settings."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import DatabaseError, connection

from gallery.errors import NotFoundError, SemsearchError, WeightsError
from gallery.system.commands import SETTINGS
from search.extractors.engines.needs_tensorflow import tensorflow_installed
from search.extractors.networks import registry
from search.extractors.networks.added import existence, extra_networks


@register(SETTINGS)
def check_live_networks(**_: Any) -> list[CheckMessage]:
    """Return which networks of live search this site does not have; asked by `check` and `serve` alone."""
    if sys.argv[1:2] not in (["check"], ["serve"]):
        return []
    from search.features.loaded_extractors import require_known, require_usable
    from search.models import SearchIndex

    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite" and not Path(name).exists():
        return []  # asking would make it
    found: list[CheckMessage] = []
    try:
        live = SearchIndex.shown.filter(live=True).order_by("pk")
        for dataset, model in live.values_list("dataset__name", "spec__model"):
            try:
                require_known(model)
                require_usable(model)
            except WeightsError as error:
                hint = "Until then searches with an image are refused there, and new images are not found."
                found.append(Warning(f"{dataset}: {error.detail}", hint=hint, id="search.W001"))
    except DatabaseError:
        return []  # who needs the database will say so
    return found


@register(SETTINGS)
def check_extra_networks(**_: Any) -> list[CheckMessage]:
    """Return which networks of EXTRA_NETWORKS cannot be; a file that is not there stops `check` alone."""
    asked = sys.argv[1:2] == ["check"]
    found: list[CheckMessage] = []
    for source in settings.EXTRA_NETWORKS:
        try:
            network = extra_networks.extra_network(source, settings.CACHE_ROOT / "models")
            if network.file is None:
                existence.require_application(network.title)
            elif asked:
                existence.require_file(network.file, network.title)
        except NotFoundError:
            continue  # `check_features` says it
        except SemsearchError as error:
            hint = f"Correct {source!r} in EXTRA_NETWORKS, or take it out."
            found.append(Error(f"EXTRA_NETWORKS: {error.detail}", hint=hint, id="search.E017"))
    return found


@register(SETTINGS)
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
    elif settings.FEATURE_ENGINE == "tensorflow" and not tensorflow_installed():
        hint = "Install it (pip install -r requirements.txt), or unset FEATURE_ENGINE."
        found.append(
            Error("FEATURE_ENGINE is tensorflow, which is not installed.", hint=hint, id="search.E016")
        )
    if settings.ENGINE_THREADS < 0:
        found.append(
            Error("ENGINE_THREADS must be 0 or more.", hint="Unset it to use every core.", id="search.E004")
        )
    if settings.EXTRACT_BATCH < 1 or settings.COMPACT_AFTER < 1:
        found.append(
            Error("EXTRACT_BATCH and COMPACT_AFTER must be 1 or more.", hint="Unset them.", id="search.E002")
        )
    if not 0.5 <= settings.INDEX_RECALL < 1 or settings.INDEX_BYTES_PER_VECTOR < 1:
        hint = "INDEX_RECALL is a share from 0.5 to below 1, as 0.99; INDEX_BYTES_PER_VECTOR is 1 or more."
        found.append(Error("The index cannot be tuned to these settings.", hint=hint, id="search.E006"))
    found += _wrong_index_settings()
    try:
        cache_dir = settings.CACHE_ROOT / "models"
        registry.install(
            settings.EXTRA_NETWORKS, cache_dir, settings.CONVERTED_NETWORKS, settings.MODELS_ROOT
        )
    except SemsearchError as error:
        hint = "Name Keras applications as keras:MobileNetV2, and files as file:/path/mine.keras or .onnx."
        found.append(Error(f"EXTRA_NETWORKS cannot be used: {error.detail}", hint=hint, id="search.E003"))
    return found


def _wrong_index_settings() -> list[CheckMessage]:
    if settings.INDEX_BACKEND not in ("faiss", "milvus"):
        named = f"INDEX_BACKEND is {settings.INDEX_BACKEND!r}."
        return [Error(named, hint="Use faiss or milvus.", id="search.E011")]
    if settings.INDEX_BACKEND != "milvus":
        return []
    from search.index.milvus.index import KINDS

    found: list[CheckMessage] = []
    if not settings.MILVUS_URI.startswith(("http://", "https://")):
        # a file would mean Milvus Lite, which belongs to one process, and web server and workers are several
        hint = "Name a server, as http://localhost:19530."
        found.append(Error(f"MILVUS_URI is {settings.MILVUS_URI!r}.", hint=hint, id="search.E012"))
    if settings.MILVUS_INDEX != "auto" and settings.MILVUS_INDEX not in KINDS:
        hint = f"Use auto, {', '.join(KINDS)}."
        found.append(Error(f"MILVUS_INDEX is {settings.MILVUS_INDEX!r}.", hint=hint, id="search.E013"))
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,49}", settings.MILVUS_PREFIX):
        hint = "Use up to 50 letters, digits and underscores, beginning with a letter."
        found.append(Error(f"MILVUS_PREFIX is {settings.MILVUS_PREFIX!r}.", hint=hint, id="search.E014"))
    if importlib.util.find_spec("pymilvus") is None:
        hint = "Install it: pip install -r requirements-servers.txt."
        found.append(Error("The client of Milvus is not installed.", hint=hint, id="search.E015"))
    return found
