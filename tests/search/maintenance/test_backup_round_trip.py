"""A home comes back whole on either database, also from a backup that was written while things changed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search.maintenance.backup import bundle
from tests.support.site import ROOT, environment, rows

SQLITE = {"DATABASE_URL": ""}
START = """
import django
django.setup()
import json
from threading import Thread
import numpy as np
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection
from gallery.ingest.removals import removal
from gallery.models import AtlasPage, Dataset, FurtherCategory, Image, Job
from search.features import feature_specs
from search.indexing import builds
from search.live.query import SearchRequest, search
from search.maintenance.backup import rows
from search.models import Embedding
"""
# vectors by chance: no network runs, and no two hits are equally good
EMBED = """
dataset = Dataset.objects.get()
index = feature_specs.live_index(dataset)
images = Image.objects.order_by("pk")
vectors = np.random.default_rng(7).normal(size=(len(images), index.spec.dims)).astype("<f2")
Embedding.objects.bulk_create(
    Embedding(image=image, spec=index.spec, dataset=dataset, vector=vector.tobytes())
    for image, vector in zip(images, vectors, strict=True)
)
builds.rebuild(index)
"""
ASK = """
asked = Image.objects.order_by("pk").values_list("pk", flat=True)
answers = {pk: search(SearchRequest(image_id=pk, k=5)).hits for pk in asked}
print(json.dumps({pk: [(hit.image.pk, hit.score) for hit in hits] for pk, hits in answers.items()}))
"""
# when the first rows of a backup are written, somebody else deletes an image and moves another
CHANGE_MEANWHILE = """
write, changes = rows.write, []
def change():
    removal.remove_images([asked[3]])
    Image.objects.filter(pk=asked[4]).update(category=Image.objects.get(pk=asked[len(asked) - 1]).category)
    connection.close()
def written(*given):
    count = write(*given)
    if not changes:
        changes.append(Thread(target=change))
        changes[0].start()
        changes[0].join()
    return count
rows.write = written
"""
LOOK_AT_DERIVED = """
pages = AtlasPage.objects.all()
print(json.dumps({"pages": len(pages), "bytes": sum(page.file.size for page in pages)}))
"""


def run(home: Path, *programs: str, **changes: str) -> list[Any]:
    """Run lines of Python in a process of a home; returns what they printed as JSON, line by line."""
    program = "\n".join([START, *programs])
    # not by `manage.py`, which would first make the database of a home that is restored
    given = environment(home, DJANGO_SETTINGS_MODULE="semsearch_site.settings", **changes)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=given, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("{", "["))]


def call(command: str, *words: object, **options: object) -> str:
    """Return a line that calls a command, which answers in JSON."""
    return f"call_command({command!r}, *{[str(word) for word in words]!r}, **{ {'json': True, **options}!r})"


def state(home: Path, *, without: int = 0) -> list[list[tuple[Any, ...]]]:
    """Return what must be the same in every copy of a home, but for an image."""
    images = "SELECT id, dataset_id, sha256, category, filename FROM gallery_image WHERE id <> ? ORDER BY id"
    vectors = "SELECT id, image_id, vector FROM search_embedding WHERE image_id <> ? ORDER BY id"
    others = "WHERE image_id <> ? ORDER BY id"
    source = "id, source_id, image_id, name, CAST(labels AS text)"
    return [
        rows(home, images, without),
        [(pk, image, bytes(vector)) for pk, image, vector in rows(home, vectors, without)],
        rows(home, f"SELECT id, image_id, name FROM gallery_furthercategory {others}", without),
        rows(home, "SELECT id, dataset_id, path FROM gallery_importsource"),
        rows(home, f"SELECT {source} FROM gallery_sourcefile {others}", without),
        rows(home, "SELECT username, password, is_staff FROM auth_user"),
        rows(home, "SELECT owner_id, digest, prefix, name FROM gallery_accesstoken"),
        rows(home, "SELECT user_id, permission_id FROM auth_user_user_permissions"),
    ]


def counted(home: Path) -> list[tuple[Any, ...]]:
    """Return what the database counts beside the rows."""
    categories = rows(home, "SELECT dataset_id, name, images FROM gallery_category ORDER BY name")
    return categories + rows(home, "SELECT live, embeddings FROM search_searchindex")


@pytest.mark.process
def test_a_home_comes_back_whole_on_either_database(
    tmp_path: Path, sample_folder: Callable[..., Path]
) -> None:
    """From the database of this run to SQLite, and from there back to that of this run."""
    first, second, third, fourth = (tmp_path / name for name in ("first", "second", "third", "fourth"))
    one, two, three = (tmp_path / f"backup{number}" for number in (1, 2, 3))
    samples, images = sample_folder("clipart200", count=10, categories=10), 100

    *_, pages, made, expected = run(
        first,
        "call_command('migrate', verbosity=0)",
        call("import_dataset", samples, name="mine", no_extract=True),
        EMBED,
        "FurtherCategory.objects.create(image=images[0], name='also')",
        "owner = User.objects.create_user('owner', password='a long password', is_staff=True)",
        "owner.user_permissions.add(Permission.objects.get(codename='add_dataset'))",
        call("create_token", "owner"),
        "Job.objects.create(kind='import', state='running', message='under way')",
        LOOK_AT_DERIVED,
        call("backup", one, with_derived=True),
        ASK,
    )
    all_of_them = {"images": images, "embeddings": images}.items()
    assert made.items() >= all_of_them
    assert (len(expected), {len(hits) for hits in expected.values()}) == (images, {5})
    assert pages["bytes"] > 0

    back_up = call("backup", two, no_pictures=True)
    restored, here, _ = run(second, call("restore", one), LOOK_AT_DERIVED, back_up, **SQLITE)
    assert restored.items() >= all_of_them
    assert here == pages
    assert state(second) == state(first)
    assert [len(found) for found in state(second)[2:5]] == [1, 1, images]
    assert counted(second) == counted(first)
    (error,) = rows(second, "SELECT error FROM gallery_job WHERE message = 'under way'")
    assert "start it again" in error[0]

    # the images themselves are kept in another way
    third.mkdir()
    shutil.copytree(second / "media", third / "media")
    back_up = call("backup", three)
    restored, verified, found, made = run(
        third, call("restore", two), call("verify"), ASK, CHANGE_MEANWHILE, back_up
    )
    assert restored.items() >= all_of_them
    assert verified["ok"]
    assert found.keys() == expected.keys()
    for pk, hits in expected.items():
        assert found[pk] == [[image, pytest.approx(score, abs=1e-6)] for image, score in hits]
    # one moment: the image that went is hidden, not half there; the one that was moved is where it was
    damaged, manifest = bundle.damage(three)
    assert not damaged
    assert manifest is not None
    (gone,) = manifest["gone"]
    restored, verified = run(fourth, call("restore", three), call("verify"), **SQLITE)
    assert made["images"] == restored["images"] == restored["embeddings"] == images - 1
    assert verified["ok"]
    # its row stays, hidden: its file is missing
    assert rows(fourth, "SELECT id FROM gallery_image WHERE missing_since IS NOT NULL") == [(gone,)]
    assert state(fourth, without=gone) == state(first, without=gone)
