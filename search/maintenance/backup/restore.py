"""Reads a backup into an empty home, on either database, when all of it is undamaged and there is room."""

from __future__ import annotations

import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO

from django.apps.registry import Apps
from django.core.exceptions import FieldDoesNotExist, SuspiciousFileOperation, ValidationError
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.color import no_style
from django.core.management.commands import migrate
from django.db import DataError, IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from gallery.access import audit
from gallery.errors import SemsearchError
from gallery.ingest.removals import missing
from gallery.models import Image, Job
from gallery.system.concurrency.locking import exclusive_lock
from gallery.system.home import homes, storage_mark, upgrades
from gallery.version import HOME_FORMAT, VERSION
from search.indexing import builds
from search.maintenance.backup import bundle, rows, tables
from search.maintenance.backup.backup import FILES_FOLDER, ROWS_FOLDER, BackupReport, is_empty
from search.models import Embedding

STOPPED = "The site was restored from a backup made while this was under way: start it again."
FLOAT16_BYTES = 2
# rows take so many times the room of their compressed lines, with indexes
ROWS_GROW = 8


class HomeNotEmptyError(SemsearchError):
    """There is something that a restored backup would be mixed with."""

    code = "home_not_empty"
    status = 409


class NoRoomError(SemsearchError):
    """The disk has no room for what is in a backup."""

    code = "no_room"
    status = 507


def restore_backup(path: Path) -> BackupReport:
    """Bring an empty home to the state of a backup; nothing is changed before all of the file is checked.

    Indexes are not in a backup: the next worker builds them; searches look through all vectors until then.

    Raises: BackupDamagedError, BackupNewerError, HomeNotEmptyError, HomeUnusableError,
        HomeNewerError, NoRoomError, OSError.
    """
    began = time.monotonic()
    homes.check_folder()
    with homes.errors_in_words(), homes.unserved(), exclusive_lock(upgrades.LOCK):
        _refuse_where_something_is()
        manifest = _checked(path)
        _refuse_newer(manifest)
        _refuse_other_files(manifest)
        _refuse_without_room(manifest)
        with _written_by_us(path), _files_read(path):
            state = _migrated_to(manifest)
            with transaction.atomic():
                _store_rows(path, manifest, state)
        # brings older rows up to date, puts the triggers and has them count
        upgrades.perform(lambda: call_command(migrate.Command(), verbosity=0, interactive=False))
        _finish(path, manifest)
    return {
        "images": Image.everything.filter(missing_since=None).count(),
        "embeddings": Embedding.objects.count(),
        "seconds": round(time.monotonic() - began, 1),
    }


def _refuse_where_something_is() -> None:
    homes.refuse_newer(homes.read())
    if not is_empty():
        raise HomeNotEmptyError(
            "There are datasets or accounts here already: a backup is restored into an empty home only. "
            "Name another one with SEMSEARCH_HOME (and DATABASE_URL)."
        )


def _checked(path: Path) -> bundle.Manifest:
    damaged, manifest = bundle.damage(path)
    if damaged or manifest is None:
        named = ", ".join(damaged[:5]) + (f" and {len(damaged) - 5} more" if len(damaged) > 5 else "")
        raise bundle.BackupDamagedError(f"{path} is damaged: {named}. Nothing was restored.")
    for name in manifest.get("members", {}):
        folder, *steps = name.split("/")
        if folder not in (ROWS_FOLDER, FILES_FOLDER) or not steps or {"", ".", ".."} & set(steps):
            raise bundle.BackupDamagedError(f"{path} is no backup of semsearch: it has {name!r}.")
    return manifest


def _refuse_newer(manifest: bundle.Manifest) -> None:
    known = homes.known_migrations()
    installed = {app for app, _ in known}
    names = {(app, name) for app, found in manifest["migrations"].items() for name in found}
    unknown = sorted(f"{app}.{name}" for app, name in names - known if app in installed)
    if unknown or manifest.get("home_format", 0) > HOME_FORMAT:
        made_by = manifest.get("version", "")
        made_by = f"semsearch {made_by}" if made_by not in ("", VERSION) else "a newer release"
        why = f"migration {unknown[0]}" if unknown else f"format {manifest.get('home_format')}"
        raise bundle.BackupNewerError(
            f"The backup was made by {made_by} ({why}), and this is semsearch {VERSION}: install that "
            "release first. Nothing was restored."
        )


def _refuse_other_files(manifest: bundle.Manifest) -> None:
    """Refuse files of another home; without pictures those are there that the rows point at, or will be."""
    parts = [PurePosixPath(name).parts for name in manifest.get("members", {})]
    folders = {found[1] for found in parts if found[0] == FILES_FOLDER and len(found) > 2}
    for folder in sorted(folders | ({"images", "thumbnails"} if manifest["originals"] else set())):
        with suppress(FileNotFoundError):
            if any(default_storage.listdir(folder)):
                raise HomeNotEmptyError(
                    f"There are files below {folder}/ in the storage already: restore into an empty home."
                )


def _refuse_without_room(manifest: bundle.Manifest) -> None:
    needed = {ROWS_FOLDER: 0, FILES_FOLDER: 0}
    for name, member in manifest.get("members", {}).items():
        needed[name.partition("/")[0]] += member["bytes"]
    on_disk = ROWS_GROW * needed[ROWS_FOLDER] if connection.vendor == "sqlite" else 0
    with suppress(NotImplementedError):  # a bucket has no path, and no end that anybody knows
        default_storage.path("")
        on_disk += needed[FILES_FOLDER]
    home = homes.folder()
    if on_disk > (free := shutil.disk_usage(home).free):
        raise NoRoomError(
            f"The backup needs about {on_disk / 2**20:,.0f} MB in {home}; {free / 2**20:,.0f} MB are free. "
            "Nothing was restored."
        )


@contextmanager
def _written_by_us(path: Path) -> Iterator[None]:
    """Read rows and files that have the right digests, which anybody can give. Raises: BackupDamagedError."""
    try:
        yield
    except (
        KeyError, TypeError, ValueError, EOFError, RecursionError, zlib.error,
        FieldDoesNotExist, SuspiciousFileOperation, ValidationError, IntegrityError, DataError,
    ) as error:  # fmt: skip
        raise bundle.BackupDamagedError(
            f"{path} is no backup that semsearch has written: {type(error).__name__}, {error}. Nothing of it "
            "was restored."
        ) from error


@contextmanager
def _files_read(path: Path) -> Iterator[None]:
    """Store the files of a backup; they go again where the rows cannot be stored."""
    stored: list[str] = []

    def read(name: str, content: IO[bytes]) -> None:
        folder, _, wanted = name.partition("/")
        if folder == FILES_FOLDER:
            stored.append(default_storage.save(wanted, File(content, PurePosixPath(wanted).name)))

    try:
        bundle.each_member(path, read)
        yield
    except BaseException:
        for name in stored:
            default_storage.delete(name)
        raise


def _migrated_to(manifest: bundle.Manifest) -> Apps:
    """Bring the empty database to the migrations of the backup, and return the models of that state."""
    if not homes.read().is_new:
        # what another start has made here: with triggers that would count twice what is read now
        tables.drop_all()
    executor = MigrationExecutor(connection)
    backed_up = {(app, name) for app, names in manifest["migrations"].items() for name in names}
    if not executor.loader.replacements.keys() <= backed_up:
        # the backup may stand between migrations that another one replaces in a new database
        executor.loader = MigrationLoader(connection, replace_migrations=False)
        backed_up -= executor.loader.replacements.keys()
    reached = backed_up & executor.loader.graph.nodes.keys()
    # the last ones: a node that another of its application stands on is reached on the way
    passed = {
        parent.key
        for node in reached
        for parent in executor.loader.graph.node_map[node].parents
        if parent.key[0] == node[0]
    }
    return executor.migrate(sorted(reached - passed)).apps


def _store_rows(path: Path, manifest: bundle.Manifest, state: Apps) -> None:
    """Store the rows of a backup, in the caller's transaction. Raises: BackupDamagedError."""
    for model in state.get_models(include_auto_created=True):
        # what migrations put there, such as permissions: those of the backup have their own keys
        if model._meta.managed and not model._meta.proxy:
            model._base_manager.all().delete()
    found: dict[str, int] = {}

    def read(name: str, content: IO[bytes]) -> None:
        folder, _, file = name.partition("/")
        label = file.removesuffix(".jsonl.gz")
        # an application that this release no longer has keeps its rows in the backup
        if folder == ROWS_FOLDER and (model := rows.model_of(state, label)) is not None:
            found[label] = rows.read(model, content)

    bundle.each_member(path, read)
    _compare(manifest, found)
    _forget_lost_files(manifest, state)
    with connection.cursor() as cursor:
        models = state.get_models(include_auto_created=True)
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


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


def _forget_lost_files(manifest: bundle.Manifest, state: Apps) -> None:
    """Remove rows of derived files that went while the backup was written: they are made again."""
    members = manifest.get("members", {})
    for label in rows.DERIVED:
        if (model := rows.model_of(state, label)) is not None:
            there = model._base_manager.all()
            files = there.values_list("pk", "file")
            lost = [pk for pk, name in files if f"{FILES_FOLDER}/{name}" not in members]
            there.filter(pk__in=lost).delete()


def _finish(path: Path, manifest: bundle.Manifest) -> None:
    # the backup lacks their files: they were missing then, or deleted in that moment
    missing.mark(manifest["gone"])
    if manifest["originals"]:
        storage_mark.write()
    Job.objects.filter(state__in=Job.ACTIVE).update(
        state=Job.State.FAILED, error=STOPPED, finished_at=timezone.now(), worker=""
    )
    audit.record("backup.restore", path.name, made_at=manifest["created_at"])
    builds.rebuild_unreadable()
