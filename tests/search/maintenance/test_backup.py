"""Backups: every flipped bit is found and named, and only an empty home takes one that is whole."""

from __future__ import annotations

import gc
import gzip
import io
import json
import lzma
import random
import tarfile
from pathlib import Path
from typing import Any, cast

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from gallery.models import Dataset
from search.maintenance.backup import bundle, restore, rows
from search.management.commands import backup
from tests.support.site import ROOT

FLIPS = 100
WRITTEN = ROOT / "tests" / "data" / "homes" / "2026-11-29.backup.xz"


def small_bundle(path: Path, names: tuple[str, ...] = (), **changes: Any) -> None:
    """Write a backup of three small members, or of members of other names."""
    manifest: bundle.Manifest = {
        "format": bundle.FORMAT, "created_at": "", "database": "sqlite", "migrations": {}, "originals": True,
        "derived": False, "images": 0, "embeddings": 0, "vectors": [], "rows": {}, "gone": [],
    }  # fmt: skip
    with bundle.BundleWriter(path) as writer:
        for number, name in enumerate(names or ("files/0", "files/1", "files/2")):
            content = bytes(range(256)) * (number + 1)
            writer.add(name, io.BytesIO(content), len(content))
        writer.finish(cast(bundle.Manifest, manifest | changes))


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


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_file_that_cannot_be_read_is_named_and_leaves_no_half_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise PermissionError(13, "Permission denied", "/home/media/images/1")

    def write(path: Path, **_: bool) -> None:
        with bundle.BundleWriter(path) as writer:
            writer.add("files/1", Closed(), 5)

    monkeypatch.setattr(backup, "write_backup", write)
    with pytest.raises(CommandError, match=r"^/home/media/images/1: Permission denied$"):
        call_command("backup", str(tmp_path / "backup"))
    gc.collect()
    assert list(tmp_path.iterdir()) == []


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
    command = backup.Command()
    call_command(command, str(path), verify=True, json=True, stdout=out)
    assert command.exit_status == 1
    assert json.loads(out.getvalue()) == {"ok": False, "damaged": ["files/0"]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", ["files//etc/x", "/etc/x", "files/../x", "files/a/./x", "other/x", "files", "rows/", "../rows/x"]
)
def test_names_that_lead_elsewhere_make_no_backup(tmp_path: Path, name: str) -> None:
    small_bundle(tmp_path / "backup", ("files/0", name))
    default_storage.save("beside", ContentFile(b"of others"))
    before = everything()
    with pytest.raises(CommandError, match="no backup of semsearch: it has"):
        call_command("restore", str(tmp_path / "backup"))
    assert everything() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"migrations": []}, {"migrations": {"gallery": "0001"}}, {"rows": {"gallery.Image": "5"}},
        {"gone": None}, {"gone": ["1"]}, {"vectors": [{}]}, {"originals": "yes"}, {"created_at": 5},
        {"home_format": "9"}, {"images": None},
    ],
)  # fmt: skip
def test_a_manifest_of_another_form_is_damaged(tmp_path: Path, changes: dict[str, Any]) -> None:
    small_bundle(tmp_path / "backup", **changes)
    assert bundle.damage(tmp_path / "backup") == ([bundle.MANIFEST], None)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "lines",
    [
        b"", b"{}\n{}", b"5\n", b'["nothing"]\n[1]\n', b'["id", "slug"]\n[1]\n', b'["id"]\nno json\n',
        b'["id", "created_at"]\n[1, "yesterday"]\n', b'["id", "slug", "name"]\n[1, null, null]\n',
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_rows_of_another_form_are_refused_in_words(tmp_path: Path, lines: bytes) -> None:
    packed = io.BytesIO(gzip.compress(lines))
    # as of a state of migrations, whose fields are nobody else's
    model = rows.model_of(ProjectState.from_apps(apps).apps, "gallery.Dataset")
    assert model is not None
    with (
        pytest.raises(bundle.BackupDamagedError, match="no backup that semsearch has written"),
        restore._written_by_us(tmp_path),
        transaction.atomic(),
    ):
        rows.read(model, packed)
    assert not Dataset.everything.exists()
