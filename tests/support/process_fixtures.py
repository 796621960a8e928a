"""Fixtures of the tests that start real processes: one prepared state folder, copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

from tests.support import services
from tests.support.site import ROOT, manage, report, running_on

DATASET = "pictures"


@dataclass(frozen=True)
class Prepared:
    """A state folder with the sample pictures imported, none of them extracted, and a staff token."""

    home: Path
    token: str


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Return the folder that tests copy."""
    home = tmp_path_factory.mktemp("template")
    manage(home, "migrate", "--verbosity", "0")
    for name in ("objects200", "clipart200"):
        report(home, "import_dataset", str(ROOT / "sample_data" / name), "--name", DATASET, "--no-extract")
    manage(
        home,
        "createsuperuser",
        "--noinput",
        "--username=staff",
        "--email=staff@example.org",
        DJANGO_SUPERUSER_PASSWORD="a long password",
    )
    token = report(home, "create_token", "staff")["token"]
    shutil.copytree(_converted_network(), home / "cache" / "models")
    manage(home, "collectstatic", "--no-input", "--verbosity", "0")
    return Prepared(home, token)


def _converted_network() -> Path:
    """Return the cache that holds the default network, converted once for the whole run."""
    from search.extractors.engines.loading import load_engine
    from search.extractors.feature_extractor import live_config
    from search.extractors.networks.registry import architecture

    config, cache = live_config(), settings.CACHE_ROOT / "models"
    load_engine(architecture(config.model), (config.layer,), config.input_size, cache_dir=cache)
    cache.mkdir(parents=True, exist_ok=True)
    return cache


@pytest.fixture
def prepared(template: Prepared, tmp_path: Path) -> Iterator[Prepared]:
    """Return a copy of the template; whatever still runs on it afterwards is ended."""
    copied = copy_of(template, tmp_path / "home")
    yield copied
    for process in running_on(copied.home):
        process.kill()


def copy_of(template: Prepared, home: Path) -> Prepared:
    """Return a copy in a new folder; what is only read is shared."""
    services.copy_state(template.home, home)
    return Prepared(home, template.token)
