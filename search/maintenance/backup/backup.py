"""Writes a backup while the site runs: rows of one moment, and the files that they point at."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from django.contrib.auth.models import User
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count

from gallery.access import audit
from gallery.models import Backup, Dataset, Image
from gallery.system.home import homes
from gallery.system.storage import storage_errors
from gallery.version import HOME_FORMAT, VERSION
from search.maintenance.backup import bundle, rows
from search.models import Embedding, FeatureSpec

ROWS_FOLDER, FILES_FOLDER = "rows", "files"
KEPT_IN_MEMORY = 16 * 2**20

logger = logging.getLogger(__name__)


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
    if is_empty():
        logger.warning("There is no dataset and no account in %s: is it the right home?", homes.folder())
    audit.record("backup.write", path.name)
    with bundle.BundleWriter(path) as writer, tempfile.TemporaryFile("w+") as names:
        with rows.snapshot() as using:
            manifest = _manifest(using, originals=originals, derived=derived)
            for model in rows.kept_models(derived=derived):
                with tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY) as file:
                    manifest["rows"][model._meta.label] = rows.write(model, using, file)
                    size = file.tell()
                    file.seek(0)
                    writer.add(f"{ROWS_FOLDER}/{model._meta.label}.jsonl.gz", file, size)
            for found in _stored_files(using, originals=originals, derived=derived):
                names.write(json.dumps(found) + "\n")
        # the files take the longest: no database has to keep for them what it was meanwhile
        names.seek(0)
        for pk, *files in map(json.loads, names):
            # all of them or none: a thumbnail alone would be an orphan
            if not _add_files(writer, files) and pk is not None:
                manifest["gone"].append(pk)
        writer.finish(manifest)
    report: BackupReport = {
        "images": manifest["images"] - len(manifest["gone"]),
        "embeddings": manifest["embeddings"],
        "seconds": round(time.monotonic() - began, 1),
    }
    Backup.objects.create(
        name=path.name[:255], version=VERSION, size_bytes=path.stat().st_size, with_originals=originals,
        with_derived=derived, **report,
    )  # fmt: skip
    return report


def is_empty() -> bool:
    """Whether nobody has ever put anything into the home."""
    there = connection.introspection.table_names()
    models = (model for model in (Dataset, User) if model._meta.db_table in there)
    return not any(model._base_manager.exists() for model in models)


def _manifest(using: str, *, originals: bool, derived: bool) -> bundle.Manifest:
    migrations: dict[str, list[str]] = {}
    for app, name in MigrationRecorder(connections[using]).applied_migrations():
        migrations.setdefault(app, []).append(name)
    counts = dict(Embedding.objects.using(using).order_by().values_list("spec").annotate(Count("pk")))
    specs = FeatureSpec.objects.using(using).order_by("pk")
    return {
        "format": bundle.FORMAT,
        "version": VERSION,
        "home_format": HOME_FORMAT,
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


def _stored_files(using: str, *, originals: bool, derived: bool) -> Iterator[tuple[int | str | None, ...]]:
    """Yield for each image its id and the names of its files, then None and the name of each derived file."""
    if originals:
        images = Image._base_manager.using(using).order_by("pk").values_list("pk", "file", "thumbnail")
        yield from images.iterator(rows.READ_ROWS)
    for model in rows.derived_models() if derived else ():
        for name in model._base_manager.using(using).order_by("pk").values_list("file", flat=True):
            yield None, name


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
