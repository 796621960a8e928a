"""Fixtures of the tests that start real processes: one prepared state folder, copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.support.prepared import DATASET, Prepared, copy_of
from tests.support.site import ROOT, manage, report, running_on


@pytest.fixture(scope="session")
def template(
    tmp_path_factory: pytest.TempPathFactory, collected_static_files: None, converted_network: None
) -> Prepared:
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
    (home / "cache").symlink_to(settings.CACHE_ROOT)
    (home / "static").symlink_to(settings.STATIC_ROOT)
    return Prepared(home, token)


@pytest.fixture(scope="session")
def converted_network() -> None:
    """Convert the default network if no run has yet, so that no process of a test has to."""
    from search.extractors.engines.loading import load_engine
    from search.extractors.feature_extractor import live_config
    from search.extractors.networks.registry import get_network

    config, cache = live_config(), settings.CACHE_ROOT / "models"
    load_engine(get_network(config.model), (config.layer,), config.input_size, cache_dir=cache)


@pytest.fixture
def prepared(template: Prepared, tmp_path: Path) -> Iterator[Prepared]:
    """Return a copy of the template; whatever still runs on it afterwards is ended."""
    copied = copy_of(template, tmp_path / "home")
    yield copied
    for process in running_on(copied.home):
        process.kill()
