"""Finds the addresses of static files that only some networks have."""

from __future__ import annotations

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage

from search.extractors.networks.layer_info import ALL_LAYERS_FOLDER


def collected_address(name: str) -> str | None:
    """Return the address of a static file, or None when none of that name was collected."""
    try:
        address = staticfiles_storage.url(name)
    except ValueError:  # the manifest of collected files does not know it
        return None
    # while debugging, addresses are made without a look at the manifest
    return address if not settings.DEBUG or finders.find(name) else None


def all_layers_address(model: str) -> str | None:
    """Return the address of the list of all layers of a network, or None where there is no such list."""
    return collected_address(f"{ALL_LAYERS_FOLDER}/{model}.json")
