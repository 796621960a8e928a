"""Fixtures of the tests that start real processes: one prepared state folder, copied for each test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.support.prepared import DATASET, Prepared, copy_of
from tests.support.site import ROOT, manage, running_on

SAMPLES = ("objects200", "clipart200")
# in one process: each that starts takes more than a second of the processor
PREPARE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
for folder in {folders}:
    call_command("import_dataset", folder, name="{dataset}", no_extract=True)
call_command("createsuperuser", interactive=False, username="staff", email="staff@example.org")
call_command("create_token", "staff", json=True)
"""


@pytest.fixture(scope="session")
def template(
    tmp_path_factory: pytest.TempPathFactory, collected_static_files: None, converted_network: None
) -> Prepared:
    """Return the folder that tests copy."""
    home = tmp_path_factory.mktemp("template")
    program = PREPARE.format(folders=[str(ROOT / "sample_data" / name) for name in SAMPLES], dataset=DATASET)
    said = manage(
        home, "shell", "--verbosity", "0", "-c", program, DJANGO_SUPERUSER_PASSWORD="a long password"
    )
    token = json.loads(said.splitlines()[-1])["token"]
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
