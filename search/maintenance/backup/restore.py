"""Reads a backup into an empty home, on either database, and only when all of it is undamaged."""

from __future__ import annotations

import time
from pathlib import Path, PurePosixPath
from typing import IO

from django.apps.registry import Apps
from django.contrib.auth.models import User
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from gallery.access import audit, audit_triggers
from gallery.errors import SemsearchError
from gallery.ingest import missing
from gallery.models import Dataset, Image, Job
from gallery.system import storage_mark
from search.maintenance.backup import bundle, rows
from search.maintenance.backup.backup import FILES_FOLDER, ROWS_FOLDER, BackupReport
from search.models import Embedding

STOPPED = "The site was restored from a backup made while this was under way: start it again."
FLOAT16_BYTES = 2


class HomeNotEmptyError(SemsearchError):
    """There is something that a restored backup would be mixed with."""

    code = "home_not_empty"
    status = 409


class BackupUnsuitableError(SemsearchError):
    """A backup was made by a newer release."""

    code = "backup_unsuitable"
    status = 409


def restore_backup(path: Path) -> BackupReport:
    """Bring an empty home to the state of a backup; nothing is changed before all of the file is checked.

    Indexes are not in a backup: searches look through all vectors until they are built again.

    Raises: BackupDamagedError, BackupUnsuitableError, HomeNotEmptyError, OSError.
    """
    began = time.monotonic()
    _refuse_where_something_is()
    manifest = _checked(path)
    state = _migrated_to(manifest)
    with transaction.atomic():
        with audit_triggers.lifted():
            _empty(state)
        rows_found = _read_rows(path, state)
        _compare(manifest, rows_found)
        with connection.cursor() as cursor:
            tables = state.get_models(include_auto_created=True)
            for statement in connection.ops.sequence_reset_sql(no_style(), tables):
                cursor.execute(statement)
    # brings older rows up to date, puts the triggers and has them count
    call_command("migrate", verbosity=0, interactive=False)
    # the backup lacks their files: they were missing then, or deleted in that moment
    missing.mark(manifest["gone"])
    _read_files(path, manifest)
    if manifest["originals"]:
        storage_mark.write()
    Job.objects.filter(state__in=Job.ACTIVE).update(
        state=Job.State.FAILED, error=STOPPED, finished_at=timezone.now(), worker=""
    )
    audit.record("backup.restore", path.name, made_at=manifest["created_at"])
    return {
        "images": Image.everything.filter(missing_since=None).count(),
        "embeddings": Embedding.objects.count(),
        "seconds": round(time.monotonic() - began, 1),
    }


def _refuse_where_something_is() -> None:
    tables = connection.introspection.table_names()
    if any(model._meta.db_table in tables and model._base_manager.exists() for model in (Dataset, User)):
        raise HomeNotEmptyError(
            "There are datasets or accounts here already: a backup is restored into an empty home only. "
            "Name another one with SEMSEARCH_HOME (and DATABASE_URL)."
        )
    for folder in ("images", "thumbnails"):
        try:
            found = default_storage.listdir(folder)
        except FileNotFoundError:
            continue
        if any(found):
            raise HomeNotEmptyError(
                f"There are files below {folder}/ in the storage already: restore into an empty home."
            )


def _checked(path: Path) -> bundle.Manifest:
    damaged, manifest = bundle.damage(path)
    if damaged or manifest is None:
        named = ", ".join(damaged[:5]) + (f" and {len(damaged) - 5} more" if len(damaged) > 5 else "")
        raise bundle.BackupDamagedError(f"{path} is damaged: {named}. Nothing was restored.")
    return manifest


def _migrated_to(manifest: bundle.Manifest) -> Apps:
    """Bring the empty database to the migrations of the backup, and return the models of that state."""
    executor = MigrationExecutor(connection)
    known = executor.loader.graph.nodes
    backed_up = [(app, name) for app, names in manifest["migrations"].items() for name in names]
    ours = {app for app, _ in known}
    unknown = [f"{app}.{name}" for app, name in backed_up if app in ours and (app, name) not in known]
    if unknown:
        raise BackupUnsuitableError(
            "The backup was made by a newer release: install that first. It has "
            f"{', '.join(sorted(unknown)[:3])}."
        )
    reached = {node for node in backed_up if node in known}
    # the last ones: a node that another of its application stands on is reached on the way
    passed = {
        parent.key
        for node in reached
        for parent in executor.loader.graph.node_map[node].parents
        if parent.key[0] == node[0]
    }
    state = executor.migrate(sorted(reached - passed))
    return state.apps


def _empty(state: Apps) -> None:
    """Remove what migrations put there, such as permissions: those of the backup have their own keys."""
    for model in state.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy:
            model._base_manager.all().delete()


def _read_rows(path: Path, state: Apps) -> dict[str, int]:
    found: dict[str, int] = {}

    def read(name: str, content: IO[bytes]) -> None:
        folder, _, file = name.partition("/")
        label = file.removesuffix(".jsonl.gz")
        # an application that this release no longer has keeps its rows in the backup
        if folder == ROWS_FOLDER and (model := rows.model_of(state, label)) is not None:
            found[label] = rows.read(model, content)

    bundle.each_member(path, read)
    return found


def _compare(manifest: bundle.Manifest, found: dict[str, int]) -> None:
    """Hold what was stored against what the manifest promises. Raises: BackupDamagedError."""
    for label, count in found.items():
        if count != manifest["rows"][label]:
            raise bundle.BackupDamagedError(f"{count} rows of {label} instead of {manifest['rows'][label]}.")
    dims = {one["fingerprint"]: one for one in manifest["vectors"]}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT fingerprint, count(*), min(length(vector)), max(length(vector)) FROM search_embedding "
            "JOIN search_featurespec AS spec ON spec.id = spec_id GROUP BY fingerprint"
        )
        for fingerprint, count, least, most in cursor.fetchall():
            promised = dims[fingerprint]
            if count != promised["count"] or {least, most} != {promised["dims"] * FLOAT16_BYTES}:
                raise bundle.BackupDamagedError(
                    f"The vectors of {fingerprint[:12]} are not those of the manifest."
                )


def _read_files(path: Path, manifest: bundle.Manifest) -> None:
    def read(name: str, content: IO[bytes]) -> None:
        folder, _, stored = name.partition("/")
        if folder == FILES_FOLDER:
            default_storage.save(stored, File(content, PurePosixPath(stored).name))

    bundle.each_member(path, read)
