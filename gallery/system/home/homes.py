"""Whose a home is: which release wrote its database, and why this one cannot work on it, in a sentence."""

from __future__ import annotations

import errno
import fcntl
import os
import pkgutil
import pwd
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from gallery.errors import DatabaseAwayError, SemsearchError
from gallery.system.home.shipped_files import program
from gallery.version import FIRST_VERSION, HOME_FORMAT, VERSION

MIGRATIONS, RELEASES = "django_migrations", "gallery_release"
# an SQLite file of so many bytes at most is looked through whenever a site starts: half a second
LOOKED_THROUGH_BYTES = 128 * 2**20
_UNUSABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOSPC, errno.EDQUOT)


class HomeNewerError(SemsearchError):
    """A newer release wrote the home."""

    code = "home_newer"
    status = 503


class HomeOlderError(SemsearchError):
    """An older release wrote the home, and it is not to be brought up to date by itself."""

    code = "home_older"
    status = 503


class HomeUnusableError(SemsearchError):
    """The home cannot be read or written."""

    code = "home_unusable"
    status = 503


@dataclass(frozen=True)
class Home:
    """What a database says of itself; `missing` and `unknown` are migrations, as `app.name`."""

    version: str
    format: int
    is_new: bool
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def is_older(self) -> bool:
        """Whether it has to be migrated before this release can work on it."""
        return bool(self.missing) or self.format < HOME_FORMAT

    @property
    def is_newer(self) -> bool:
        """Whether a release wrote it whose tables or files this one does not know."""
        return bool(self.unknown) or self.format > HOME_FORMAT

    @property
    def is_recorded(self) -> bool:
        """Whether it says that this release, or one after it, has had it."""
        return _numbers(self.version) >= _numbers(VERSION)

    @property
    def called(self) -> str:
        """Name its release for people."""
        if self.version != VERSION:
            return f"semsearch {self.version}"
        return f"{'a later' if self.is_newer else 'an earlier'} state of semsearch {VERSION}"


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdecimal()]


def read() -> Home:
    """Return what the database says, in a few milliseconds: of migrations only the names are read.

    Raises: DatabaseError.
    """
    tables = connection.introspection.table_names()
    recorded = MigrationRecorder(connection).migration_qs.values_list("app", "name")
    applied: set[tuple[str, str]] = set(recorded) if MIGRATIONS in tables else set()
    known = known_migrations()
    installed = {app for app, _ in known}
    # what an application has left behind that is not installed any more concerns nobody
    applied_here = {(app, name) for app, name in applied if app in installed}
    missing, unknown = known - applied, applied_here - known
    if applied and (missing or unknown):
        # only then are they read: some replace others, of which a database may have all or a part
        for name, migration in MigrationLoader(None, ignore_no_migrations=True).replacements.items():
            replaced = set(migration.replaces)
            unknown -= replaced
            if applied & replaced:
                missing.discard(name)
    version, number = (FIRST_VERSION, 0) if RELEASES not in tables else (VERSION, HOME_FORMAT)
    if RELEASES in tables:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT version, format FROM {RELEASES} ORDER BY id DESC LIMIT 1")
            version, number = cursor.fetchone() or (version, number)
    return Home(
        version=version,
        format=number,
        is_new=not applied,
        missing=tuple(sorted(map(".".join, missing))),
        unknown=tuple(sorted(map(".".join, unknown))),
    )


def known_migrations() -> set[tuple[str, str]]:
    """Return the migrations of this release, by application and name."""
    return {
        (app.label, module.name)
        for app in apps.get_app_configs()
        for module in pkgutil.iter_modules([str(Path(app.path) / "migrations")])
        if not module.name.startswith("_")
    }


def refuse_newer(home: Home) -> None:
    """Raises: HomeNewerError."""
    if home.is_newer:
        raise HomeNewerError(
            f"The home is of {home.called}, and this is semsearch {VERSION}: install that release or a newer "
            f"one, as `migrate` leads forward only, or restore a backup of {VERSION} into another home.",
            inner=_where(home.unknown, home.format),
        )


def refuse_older(home: Home) -> None:
    """Raises: HomeOlderError."""
    if home.is_older:
        what = "has no tables yet" if home.is_new else f"is of {home.called}"
        raise HomeOlderError(
            f"The home {what}, and this is semsearch {VERSION}: make a backup and run `{program()} migrate`, "
            "or start semsearch with AUTO_MIGRATE on.",
            inner=_where(home.missing, home.format),
        )


def _where(migrations: tuple[str, ...], number: int) -> str:
    why = f"migration {migrations[0]}" if migrations else f"format {number}"
    return f"{settings.SEMSEARCH_HOME}: {why}"


def is_served() -> bool:
    """Whether parts of a site that `serve` started run on the home, of whatever release."""
    path = folder() / "parts.lock"
    if not path.exists():
        return False
    with path.open("a") as file:
        return not _taken(file)


@contextmanager
def unserved() -> Iterator[None]:
    """Keep `serve` off the home meanwhile. Raises: HomeUnusableError where it runs."""
    with (folder() / "serving.lock").open("a") as file:
        if is_served() or not _taken(file):
            raise HomeUnusableError(
                "semsearch runs on this home: stop it first, or name another one with SEMSEARCH_HOME."
            )
        yield


def _taken(file: TextIO) -> bool:
    """Lock a file; returns whether nobody else has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def folder() -> Path:
    """Return the home."""
    return Path(settings.SEMSEARCH_HOME)


def sqlite_file() -> Path | None:
    """Return the file of the database; None where it is none."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or ":memory:" in name or "mode=memory" in name:
        return None
    return Path(name)


def refuse_root() -> None:
    """Keep root from making what the account of a home could not read. Raises: HomeUnusableError.

    An owner whom this machine does not know, as of a folder mounted in a container, reads nothing here.
    """
    home = folder()
    owner = home.stat().st_uid if home.exists() else 0
    if os.geteuid() != 0 or owner == 0:
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        return
    raise HomeUnusableError(
        f"The home {home} belongs to the account {name}, which could not read what root writes there: do "
        f"this as that account, as in `runuser -u {name} -- {program()} …`."
    )


def check_folder() -> None:
    """Raises: HomeUnusableError for a home that cannot be written, or that root would spoil."""
    home = folder()
    refuse_root()
    with errors_in_words():
        home.mkdir(parents=True, exist_ok=True)
        file = sqlite_file()
        for path in (home, *([file] if file is not None and file.exists() else [])):
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, "it is read-only, or another account's", str(path))


def look_through() -> None:
    """Find damage in an SQLite file of moderate size. Raises: HomeUnusableError."""
    file = sqlite_file()
    if file is not None and file.exists() and file.stat().st_size <= LOOKED_THROUGH_BYTES:
        with errors_in_words(), closing(sqlite3.connect(file)) as database:
            check_whole(database)


def check_whole(database: sqlite3.Connection) -> None:
    """Raises: DatabaseError for a database that is not whole."""
    found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(f"malformed: {' '.join(found.split())}")


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Say in a sentence what is wrong with a home. Raises: HomeUnusableError, DatabaseAwayError."""
    try:
        yield
    except (DatabaseError, sqlite3.DatabaseError) as error:
        if found := _of_database(error):
            raise found from error
        raise
    except OSError as error:
        if error.errno not in _UNUSABLE or str(settings.SEMSEARCH_HOME) not in str(error.filename):
            raise
        raise HomeUnusableError(
            f"The home {settings.SEMSEARCH_HOME} cannot be used ({error.filename}: {error.strerror}): let "
            "this account write there, make room, or name another folder with SEMSEARCH_HOME."
        ) from error


def _of_database(error: Exception) -> SemsearchError | None:
    said = " ".join(str(error).split())
    if connection.vendor != "sqlite":
        away = isinstance(error, OperationalError)
        return DatabaseAwayError("The database cannot be asked.", inner=said) if away else None
    file = sqlite_file()
    if "malformed" in said or "not a database" in said or "disk I/O" in said:
        return HomeUnusableError(
            f"The database {file} is damaged ({said}): put a copy in its place, as one of those in the "
            "folder before-upgrade of the home, or restore a backup into another home."
        )
    if "readonly" in said or "unable to open" in said or "is full" in said:
        return HomeUnusableError(
            f"The database {file} cannot be written ({said}): let this account write there, and make room."
        )
    if "is locked" in said:
        return HomeUnusableError(f"The database {file} is being written by another process: try again.")
    return None
