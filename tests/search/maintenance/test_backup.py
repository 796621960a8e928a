"""Backups: every flipped bit is found, and a home comes back whole on either database."""

from __future__ import annotations

import io
import json
import lzma
import random
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from search.maintenance.backup import bundle, restore
from tests.support.site import ROOT, manage, rows

FLIPS = 100
WRITTEN = ROOT / "tests" / "data" / "homes" / "2026-11-29.backup.xz"
SQLITE = {"DATABASE_URL": ""}
UNSEEN = ROOT / "sample_data" / "objects200" / "coins" / "euro_020.jpg"
START = """from pathlib import Path
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from gallery.models import Image, Job"""


def small_bundle(path: Path) -> None:
    """Write a backup of three small members."""
    manifest: bundle.Manifest = {
        "format": bundle.FORMAT, "created_at": "", "database": "sqlite", "migrations": {}, "originals": True,
        "derived": False, "images": 0, "embeddings": 0, "vectors": [], "rows": {}, "gone": [],
    }  # fmt: skip
    with bundle.BundleWriter(path) as writer:
        for number in range(3):
            content = bytes(range(256)) * (number + 1)
            writer.add(f"files/{number}", io.BytesIO(content), len(content))
        writer.finish(manifest)


def everything() -> list[object]:
    """Return what a restore would change: rows, migrations and files."""
    counts = [(model._meta.label, model._base_manager.count()) for model in apps.get_models()]
    return [counts, MigrationRecorder(connection).applied_migrations().keys(), default_storage.listdir("")]


@pytest.mark.django_db
def test_a_flipped_bit_anywhere_is_named_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    whole = lzma.decompress(WRITTEN.read_bytes())
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        members = [(one.name, one.offset, one.offset_data, one.offset_data + one.size) for one in tar]
    default_storage.save("beside", ContentFile(b"of others"))
    before = everything()
    chosen = random.Random(7)
    headers = [start + 100 for _, start, *_ in members[1:]]
    places = [*chosen.sample(headers, 8), *(chosen.randrange(len(whole)) for _ in range(FLIPS))]
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chosen.randrange(8)
        path.write_bytes(flipped)
        with pytest.raises(CommandError, match=r"is damaged: .*Nothing was restored") as refused:
            call_command("restore", str(path))
        named, _ = bundle.damage(path)
        assert named
        assert named[0] in str(refused.value)
        for number, (name, start, begins, ends) in enumerate(members):
            if begins <= place < ends and name != bundle.MANIFEST:
                assert named == [name]
            elif start <= place < begins and number:
                assert named[0].startswith(f"the archive after {members[number - 1][0]}")
    assert everything() == before


def test_the_damaged_member_is_named_and_a_truncated_file_as_well(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    small_bundle(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert bundle.damage(path)[0] == []
    whole = path.read_bytes()
    place = whole.index(bytes(range(256)) * 2)
    path.write_bytes(whole[:place] + b"\x01" + whole[place + 1 :])
    assert bundle.damage(path)[0] == ["files/1"]
    for other in (whole[:-2000], whole[:-1], whole + b"\n", whole[:3000] + whole[3001:]):
        path.write_bytes(other)
        assert bundle.damage(path)[0]
    path.write_bytes(b"no backup")
    with pytest.raises(bundle.BackupDamagedError, match="no backup of semsearch"):
        bundle.damage(path)


def test_a_backup_replaces_no_file_and_leaves_no_half_one(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    small_bundle(path)
    before = path.read_bytes()
    with pytest.raises(bundle.BackupExistsError, match="exists already"):
        small_bundle(path)
    assert path.read_bytes() == before
    with pytest.raises(RuntimeError), bundle.BundleWriter(tmp_path / "other"):
        raise RuntimeError
    assert [file.name for file in tmp_path.iterdir()] == ["backup"]


def run(home: Path, *lines: str, **changes: str) -> list[Any]:
    """Run lines of Python in a process of a home; returns what they printed as JSON, line by line."""
    program = "\n".join([START, *lines])
    said = manage(home, "shell", "--verbosity", "0", "--no-imports", "-c", program, **changes)
    return [json.loads(line) for line in said.splitlines() if line.startswith(("{", "["))]


def state(home: Path) -> list[list[tuple[Any, ...]]]:
    """Return what must be the same in every copy of a home."""
    return [
        rows(home, "SELECT id, dataset_id, sha256, category, filename FROM gallery_image ORDER BY id"),
        rows(home, "SELECT dataset_id, name, images FROM gallery_category ORDER BY name"),
        [
            (pk, bytes(vector))
            for pk, vector in rows(home, "SELECT id, vector FROM search_embedding ORDER BY id")
        ],
        rows(home, "SELECT username, password, is_staff FROM auth_user"),
        rows(home, "SELECT live, embeddings FROM search_searchindex"),
        rows(home, "SELECT user_id, permission_id FROM auth_user_user_permissions"),
    ]


@pytest.mark.usefixtures("collected_static_files")
def test_a_home_comes_back_whole_on_either_database(
    sample_folder: Callable[..., Path], tmp_path: Path
) -> None:
    """From the database of this run to SQLite, and from there back to that of this run."""
    image = str(UNSEEN)
    first, second, third, fourth = (tmp_path / name for name in ("first", "second", "third", "fourth"))
    for home in (first, second, third, fourth):
        home.mkdir()
        (home / "cache").symlink_to(settings.CACHE_ROOT)
    one, two, three = (str(tmp_path / f"backup{number}") for number in (1, 2, 3))

    answers = run(
        first,
        "call_command('migrate', verbosity=0)",
        f"call_command('import_dataset', {str(sample_folder())!r}, name='mine')",
        "owner = User.objects.create_user('owner', password='a long password', is_staff=True)",
        "owner.user_permissions.add(Permission.objects.get(codename='add_dataset'))",
        "Job.objects.create(kind='import', state='running', message='under way')",
        f"call_command('backup', {one!r}, json=True)",
        f"call_command('search_images', {image!r}, json=True)",
    )
    assert answers[-2].items() >= {"images": 12, "embeddings": 12}.items()
    expected = [(hit["image"], hit["score"]) for hit in answers[-1]["hits"]]

    (report,) = run(second, f"call_command('restore', {one!r}, json=True)", **SQLITE)
    assert report.items() >= {"images": 12, "embeddings": 12}.items()
    run(second, f"call_command('backup', {two!r}, json=True)", **SQLITE)
    restored, verified, found, _ = run(
        third,
        f"call_command('restore', {two!r}, json=True)",
        "call_command('verify', json=True)",
        f"call_command('search_images', {image!r}, json=True)",
        "Path(Image.objects.order_by('pk')[3].file.path).unlink()",
        f"call_command('backup', {three!r}, json=True)",
    )
    assert restored.items() >= {"images": 12, "embeddings": 12}.items()
    assert verified["ok"]
    assert [(hit["image"], hit["score"]) for hit in found["hits"]] == [
        (pk, pytest.approx(score, abs=1e-6)) for pk, score in expected
    ]
    assert state(third) == state(first)
    (error,) = rows(third, "SELECT error FROM gallery_job WHERE message = 'under way'")
    assert "start it again" in error[0]

    # an image that went while the last backup was written does not come back
    damaged, manifest = bundle.damage(Path(three))
    assert not damaged
    assert manifest is not None
    assert len(manifest["gone"]) == 1
    (left,) = run(fourth, f"call_command('restore', {three!r}, json=True)", **SQLITE)
    assert left.items() >= {"images": 11, "embeddings": 11}.items()


@pytest.mark.django_db
def test_only_an_empty_home_takes_a_backup(tmp_path: Path) -> None:
    small_bundle(tmp_path / "backup")
    user = User.objects.create_user("somebody")
    with pytest.raises(CommandError, match="into an empty home"):
        call_command("restore", str(tmp_path / "backup"))
    user.delete()
    default_storage.save("images/1/left.jpg", ContentFile(b"of another home"))
    with pytest.raises(CommandError, match="files below images/"):
        call_command("restore", str(tmp_path / "backup"))


@pytest.mark.django_db
def test_a_damaged_backup_changes_nothing_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "backup"
    small_bundle(path)
    content = bytearray(path.read_bytes())
    content[content.index(bytes(range(256)))] ^= 4
    path.write_bytes(content)
    monkeypatch.setattr(restore, "_migrated_to", lambda _: pytest.fail("the database was touched"))
    with pytest.raises(CommandError, match=r"damaged: files/0\. Nothing was restored"):
        call_command("restore", str(path))
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("backup", str(path), verify=True, json=True, stdout=out)
    assert json.loads(out.getvalue()) == {"ok": False, "damaged": ["files/0"]}
