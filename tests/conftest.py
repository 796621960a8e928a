"""Fixtures that several test modules share: pictures, datasets, a signed-in member of staff."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings as configured
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.core.management.commands import flush
from django.core.management.sql import emit_post_migrate_signal
from django.test import Client
from PIL import Image as Pillow
from whitenoise.base import WhiteNoise

from gallery import jobs
from gallery.jobs import broker, heartbeat
from gallery.models import Dataset, Job
from search import job_kinds
from search.extractors.engines import precision, timing
from search.extractors.feature_extractor import live_config
from search.features import feature_specs
from search.models import FeatureSpec
from tests.support.flushing import keeping
from tests.support.once import once, run_folder
from tests.support.site import manage
from tests.support.snapshots import restored

SAMPLES = Path(__file__).resolve().parent.parent / "sample_data"


def image_bytes(seed: int, size: tuple[int, int] = (64, 48), kind: str = "PNG") -> bytes:
    """Return the bytes of a picture that differs for every seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Pillow.fromarray(pixels).resize(size, Pillow.Resampling.BICUBIC).save(out, kind)
    return out.getvalue()


def sample_files(dataset: str, category: str | None = None, count: int = 3) -> list[Path]:
    """Return sample pictures, the first `count` of each category, or of one."""
    folders = sorted(path for path in (SAMPLES / dataset).iterdir() if path.is_dir())
    return [
        file
        for folder in folders
        if category in (None, folder.name)
        for file in sorted(path for path in folder.iterdir() if path.is_file())[:count]
    ]


@pytest.fixture(autouse=True, scope="session")
def few_rounds_a_password() -> Iterator[None]:
    """Hash passwords in few rounds: as many as slow down guessing take a third of a second an account."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 1_000)
        yield


@pytest.fixture(autouse=True, scope="session")
def few_measurements() -> Iterator[None]:
    """Choose the precision of a network, and measure its layers, by few images and rounds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "IMAGES_OF_EACH", 2)
        patch.setattr(timing, "ROUNDS", 2)
        yield


@pytest.fixture(autouse=True, scope="session")
def quick_flush() -> Iterator[None]:
    """Empty the database after tests that commit without making every permission anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "emit_post_migrate_signal", keeping(emit_post_migrate_signal))
        yield


@pytest.fixture
def dataset(db: None) -> Dataset:
    """Return an empty dataset."""
    return Dataset.objects.create(slug="mine", name="Mine")


@pytest.fixture
def sample_folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that lays out a folder of sample pictures, one subfolder a category."""

    def lay_out(name: str = "objects200", count: int = 3, categories: int = 4) -> Path:
        root = tmp_path / f"{name}-{count}-{categories}"
        for file in sample_files(name, count=count):
            folder = root / file.parent.name
            if not folder.exists() and len(list(root.glob("*"))) >= categories:
                continue
            folder.mkdir(parents=True, exist_ok=True)
            (folder / file.name).write_bytes(file.read_bytes())
        return root

    return lay_out


def import_folder(dataset: Dataset, path: Path) -> Job:
    """Import a folder or zip now and extract its features."""
    job = jobs.perform_now(jobs.IMPORT, dataset, path=str(path), announce=False)
    jobs.perform_now(job_kinds.EXTRACT, dataset)
    return job


@pytest.fixture
def sample_dataset(
    db: None, sample_folder: Callable[..., Path], request: pytest.FixtureRequest
) -> Callable[..., Dataset]:
    """Return a function that gives the dataset "mine" with so many sample images of so many categories.

    With `features` they are extracted as well. Only for a test that has stored nothing yet.
    """

    with_features = "-colours" if "features_of_colours" in request.fixturenames else "-features"

    def sampled(count: int = 3, categories: int = 4, *, features: bool = True) -> Dataset:
        def build() -> None:
            dataset = Dataset.objects.create(slug="mine", name="Mine")
            folder = str(sample_folder(count=count, categories=categories))
            jobs.perform_now(jobs.IMPORT, dataset, path=folder, announce=False)
            if features:
                jobs.perform_now(job_kinds.EXTRACT, dataset)

        restored(f"sampled-{count}x{categories}{with_features if features else ''}", build)
        return Dataset.objects.get(slug="mine")

    return sampled


@pytest.fixture
def features_of_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have images embedded by their colours where it does not matter how: a network takes 20 ms an image."""
    config = live_config(model="colour-histogram", layer="histogram", pooling="average")
    monkeypatch.setattr(feature_specs, "live_spec", lambda: FeatureSpec.objects.for_config(config))


@pytest.fixture(scope="session")
def cache_dir() -> Path:
    """Return the folder of converted networks, which all runs share: see `tests.support.network_cache`."""
    return configured.CACHE_ROOT / "models"


@pytest.fixture
def without_broker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let messages be sent where nobody listens, also when the suite runs on servers."""
    from semsearch_site.celery import app

    monkeypatch.setitem(app.conf, "broker_write_url", f"redis+socket://{tmp_path / 'nobody.sock'}")
    monkeypatch.setattr(broker, "_asked_again_at", 0.0)
    # the connections made before lead to the broker that is there
    monkeypatch.setattr(app.amqp, "_producer_pool", None)


@pytest.fixture
def staff_client(db: None, collected_static_files: None) -> Client:
    """Return a test client signed in as staff."""
    user = User.objects.create_superuser("staff", password="a long password")
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(scope="session")
def collected_static_files() -> Iterator[None]:
    """Collect static files once a run, as a deployment does: a missing one is an error in any page's test."""
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.management import call_command

    with once("static") as mine:
        if mine:
            (run_folder() / "static").mkdir()
            call_command("collectstatic", verbosity=0, interactive=False)
    # a test before may have named a file when there were none
    names: Any = staticfiles_storage
    names.hashed_files, names.manifest_hash = names.load_manifest()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoise, "update_files_dictionary", looking_once(str(configured.STATIC_ROOT)))
        yield


def looking_once(collected: str) -> Callable[[WhiteNoise, str, str], None]:
    """Return what looks through a folder of static files, but only once through the collected ones.

    Every test client has a WhiteNoise of its own, which would look through all of them for 0.08 s.
    """
    look = WhiteNoise.update_files_dictionary
    found: dict[tuple[str, object], dict[str, Any]] = {}

    def update(white_noise: WhiteNoise, root: str, prefix: str) -> None:
        if root.rstrip("/") != collected:
            look(white_noise, root, prefix)
        elif (how := (prefix, white_noise.max_age)) in found:
            white_noise.files |= found[how]
        else:
            look(white_noise, root, prefix)
            found[how] = dict(white_noise.files)

    return update


@pytest.fixture(scope="session")
def started_home() -> Callable[[Path], Path]:
    """Return a function that makes a home with the SQLite database of a first start, and returns it.

    For tests that are not about that start, which takes two seconds of the processor.
    """
    first = run_folder() / "first-home"
    with once("first-home") as mine:
        if mine:
            manage(first, "shell", "--no-imports", "--verbosity", "0", "-c", "", DATABASE_URL="")

    def make(home: Path) -> Path:
        home.mkdir(mode=0o700)
        shutil.copy(first / "semsearch.sqlite3", home)
        return home

    return make


@pytest.fixture
def client(client: Client, collected_static_files: None) -> Client:
    """Return a test client, to whom pages can name their scripts."""
    return client


@pytest.fixture(scope="session")
def live_server(collected_static_files: None, live_server: Any) -> Any:
    """Return the test server, whose pages can name their scripts."""
    return live_server


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test stored files and indexes of its own, as it has a database of its own."""
    from gallery.browse import grid
    from search.indexing import snapshots
    from search.maps import export

    # a test's transaction locks SQLite: the heart of a longer job would wait for it until it gives up
    monkeypatch.setattr(heartbeat, "HEARTBEAT_S", 3600.0)
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.INDEX_ROOT = tmp_path / "indexes"
    yield
    # keys and revisions come again in the next test
    for module in (grid, export, snapshots):
        module.forget()
