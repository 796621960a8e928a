"""A live site with a small dataset, and what a client of it needs: its schema, a token, files to send."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from drf_spectacular.generators import SchemaGenerator

from gallery.access.scopes import Scope
from gallery.accounts import tokens
from gallery.models import Image
from tests.conftest import image_bytes


@dataclass(frozen=True)
class Given:
    """What a client is given: where the site is, who it is, and with what it is asked."""

    address: str
    token: str
    schema: Path
    image: int
    image_file: Path
    archive: Path


@pytest.fixture
def given(
    live_server: Any,
    sample_dataset: Callable[..., object],
    without_broker: None,
    settings: Any,
    tmp_path: Path,
) -> Given:
    """Return a live site with the dataset "mine", of sixteen searchable images, and a token for all of it."""
    sample_dataset(count=4)
    settings.FETCH_ALLOW_HOSTS = frozenset({urlsplit(live_server.url).netloc})
    user = User.objects.create_superuser("integrator")
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))
    image_file, archive = tmp_path / "new.png", tmp_path / "new.zip"
    image_file.write_bytes(image_bytes(1))
    with zipfile.ZipFile(archive, "w") as out:
        for seed, folder in ((2, "cats"), (3, "dogs")):
            out.writestr(f"{folder}/{seed}.png", image_bytes(seed))
    return Given(
        address=live_server.url,
        token=tokens.make_token(user, "integrator", Scope)[1],
        schema=schema,
        image=Image.objects.order_by("pk")[0].pk,
        image_file=image_file,
        archive=archive,
    )
