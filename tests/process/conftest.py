"""Fixtures of the tests that start real processes: one prepared state folder, copied for each test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.conftest import sample_files
from tests.support import services
from tests.support.once import once, run_folder
from tests.support.prepared import DATASET, Prepared, copy_of
from tests.support.site import manage, running_on

TOKEN_FILE = "token"
# as few images as are still at work when a test that has seen them begun kills it
SAMPLES, OF_EACH_CATEGORY = "clipart200", 10
# in one process: each that starts takes more than a second of the processor
PREPARE = """
from django.core.management import call_command
call_command("import_dataset", "{folder}", name="{dataset}", no_extract=True)
call_command("createsuperuser", interactive=False, username="staff", email="staff@example.org")
call_command("create_token", "staff", json=True)
"""


@pytest.fixture(scope="session")
def template(
    tmp_path_factory: pytest.TempPathFactory,
    started_home: Callable[[Path], Path],
    collected_static_files: None,
    converted_network: None,
) -> Prepared:
    """Return the folder that tests copy, one for all workers that have no database server of their own."""
    if not services.embedded():
        return _prepare(tmp_path_factory.mktemp("template"))
    home = run_folder() / "template"
    with once("template") as mine:
        if mine:
            shutil.rmtree(home, ignore_errors=True)
            started_home(home)
            (home / TOKEN_FILE).write_text(_prepare(home).token)
    return Prepared(home, (home / TOKEN_FILE).read_text())


def _prepare(home: Path) -> Prepared:
    samples = home.with_name(f"{home.name}-samples")
    for file in sample_files(SAMPLES, count=OF_EACH_CATEGORY):
        copied = samples / file.parent.name / file.name
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copied)
    program = PREPARE.format(folder=samples, dataset=DATASET)
    said = manage(
        home, "shell", "--verbosity", "0", "-c", program, DJANGO_SUPERUSER_PASSWORD="a long password"
    )
    return Prepared(home, json.loads(said.splitlines()[-1])["token"])


@pytest.fixture(scope="session")
def converted_network() -> None:
    """Convert the default network if no run has yet, so that no process of a test has to.

    As a whole, which others need: the part that is searched with is cut out of it.
    """
    from search.extractors.engines.conversion import converted
    from search.extractors.engines.loading import load_engine
    from search.extractors.feature_extractor import live_config
    from search.extractors.networks.registry import get_network

    config, cache = live_config(), settings.CACHE_ROOT / "models"
    network = get_network(config.model)
    converted(network, network.layers, config.input_size, cache)
    load_engine(network, (config.layer,), config.input_size, cache_dir=cache)


@pytest.fixture
def prepared(template: Prepared, tmp_path: Path) -> Iterator[Prepared]:
    """Return a copy of the template; whatever still runs on it afterwards is ended."""
    copied = copy_of(template, tmp_path / "home")
    yield copied
    for process in running_on(copied.home):
        process.kill()
