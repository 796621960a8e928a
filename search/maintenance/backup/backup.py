"""Writes a backup while the site runs: rows of one moment, and the files that they point at."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count

from gallery.access import audit
from gallery.models import AtlasPage, Image
from gallery.system.storage import storage_errors
from search.maintenance.backup import bundle, rows
from search.models import Embedding, FeatureMatrix, FeatureSpec, Projection

ROWS_FOLDER, FILES_FOLDER = "rows", "files"
KEPT_IN_MEMORY = 16 * 2**20


class BackupReport(TypedDict):
    """What a backup holds, or what was restored."""

    images: int
    embeddings: int
    seconds: float


def write_backup(path: Path, *, originals: bool = True, derived: bool = False) -> BackupReport:
    """Write everything that cannot be made again to one file, for its owner only.

    Without `originals` stored images and thumbnails are left out, with `derived` matrices, maps and
    sprite sheets come too. An image that is deleted while its file is awaited is named in the manifest.

    Raises: BackupExistsError, StorageUnavailableError, OSError.
    """
    began = time.monotonic()
    audit.record("backup.write", path.name)
    with bundle.BundleWriter(path) as writer, rows.snapshot() as using:
        manifest = _manifest(using, originals=originals, derived=derived)
        for model in rows.kept_models(derived=derived):
            with tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY) as file:
                manifest["rows"][model._meta.label] = rows.write(model, using, file)
                size = file.tell()
                file.seek(0)
                writer.add(f"{ROWS_FOLDER}/{model._meta.label}.jsonl.gz", file, size)
        if originals:
            for pk, names in _image_files(using):
                # all of them or none: a thumbnail alone would be an orphan
                if not _add_files(writer, names):
                    manifest["gone"].append(pk)
        if derived:
            for name in _derived_files(using):
                _add_files(writer, [name])
        writer.finish(manifest)
    return {
        "images": manifest["images"] - len(manifest["gone"]),
        "embeddings": manifest["embeddings"],
        "seconds": round(time.monotonic() - began, 1),
    }


def _manifest(using: str, *, originals: bool, derived: bool) -> bundle.Manifest:
    migrations: dict[str, list[str]] = {}
    for app, name in MigrationRecorder(connections[using]).applied_migrations():
        migrations.setdefault(app, []).append(name)
    counts = dict(Embedding.objects.using(using).order_by().values_list("spec").annotate(Count("pk")))
    specs = FeatureSpec.objects.using(using).order_by("pk")
    return {
        "format": bundle.FORMAT,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "database": connections[using].vendor,
        "migrations": {app: sorted(names) for app, names in sorted(migrations.items())},
        "originals": originals,
        "derived": derived,
        "images": Image._base_manager.using(using).count(),
        "embeddings": sum(counts.values()),
        "vectors": [
            {"fingerprint": spec.fingerprint, "dims": spec.dims, "count": counts.get(spec.pk, 0)}
            for spec in specs
        ],
        "rows": {},
        "gone": [],
    }


def _image_files(using: str) -> Iterator[tuple[int, list[str]]]:
    found = Image._base_manager.using(using).order_by("pk").values_list("pk", "file", "thumbnail")
    for pk, *names in found.iterator(rows.READ_ROWS):
        yield pk, names


def _derived_files(using: str) -> Iterator[str]:
    for model in (AtlasPage, FeatureMatrix, Projection):
        yield from model._base_manager.using(using).order_by("pk").values_list("file", flat=True)


def _add_files(writer: bundle.BundleWriter, names: list[str]) -> bool:
    """Add stored files; False, and none of them, where one is gone."""
    files: list[File[bytes]] = []
    try:
        with storage_errors():
            for name in names:
                files.append(default_storage.open(name))
            for name, file in zip(names, files, strict=True):
                writer.add(f"{FILES_FOLDER}/{name}", file, file.size)
    except FileNotFoundError:
        return False
    finally:
        for file in files:
            file.close()
    return True
