"""Brings a home up to date, once however many processes start on it, and refuses one of a newer release.

The table of releases says which have had it; older releases read it, so its name and the columns `version`
and `format` stay as they are.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.commands import migrate
from django.db import DatabaseError

from gallery import signals
from gallery.access import audit
from gallery.models import Release
from gallery.system.concurrency.locking import exclusive_lock
from gallery.system.home import homes
from gallery.system.home.homes import Home, HomeUnusableError
from gallery.version import HOME_FORMAT, VERSION

LOCK = "migrate"
COPIES, COPIES_KEPT = "before-upgrade", 2
# times the file: the copy, what its log may take meanwhile, and some
ROOM_FOR = 3


@dataclass(frozen=True)
class Upgrade:
    """What was done: the home before, where its database as it was is kept, and how many jobs follow."""

    before: Home
    copy: Path | None
    jobs: int

    def __str__(self) -> str:
        """Say it in one line."""
        home = settings.SEMSEARCH_HOME
        if self.before.is_new:
            return f"Made the database of a new home, {home}."
        words = f"The home {home} was of {self.before.called} and is up to date now, {VERSION}."
        if self.copy is not None:
            words += f" The database as it was is kept as {self.copy}."
        if self.jobs:
            words += f" What has to be built anew waits for the worker (jobs: {self.jobs})."
        return words


def bring_up_to_date(say: Callable[[str], object]) -> None:
    """Let this release work on the home: migrate an older or an empty one, and say so in a line.

    Cheap where there is nothing to do. Of processes that start together one does it, and the others wait.

    Raises: HomeNewerError, HomeUnusableError, DatabaseAwayError; HomeOlderError with AUTO_MIGRATE off.
    """
    homes.check_folder()
    with homes.errors_in_words():
        if not _has_to_be_done():
            return
        with exclusive_lock(LOCK):
            if not _has_to_be_done():
                return
            # `serve` starts the parts of a site on a home that is up to date: those are of another release
            if homes.is_served():
                home = settings.SEMSEARCH_HOME
                raise HomeUnusableError(f"An older release than {VERSION} serves {home}: stop it first.")
            homes.look_through()
            done = perform(lambda: call_command(migrate.Command(), verbosity=0, interactive=False))
    if done.before.is_older:
        say(str(done))


def _has_to_be_done() -> bool:
    home = homes.read()
    homes.refuse_newer(home)
    if not settings.AUTO_MIGRATE:
        homes.refuse_older(home)
    return settings.AUTO_MIGRATE and (home.is_older or not home.is_recorded)


def perform(run: Callable[[], object]) -> Upgrade:
    """Keep a copy of an SQLite file, migrate by `run`, and have done what follows; the caller holds the lock.

    Raises: HomeNewerError, HomeUnusableError; what `run` raises.
    """
    before = homes.read()
    homes.refuse_newer(before)
    copy = keep_copy(before) if before.is_older and not before.is_new else None
    try:
        run()
    except DatabaseError as error:
        if copy is None:
            raise
        raise HomeUnusableError(
            f"The home {settings.SEMSEARCH_HOME} could not be brought up to date: {error} Its database as it "
            f"was is kept as {copy}."
        ) from error
    if not Release.objects.exists() or not before.is_recorded or before.is_older:
        Release.objects.create(version=VERSION, format=HOME_FORMAT)
    jobs = 0
    if before.is_older and not before.is_new:
        with audit.acting_as(f"upgrade: {before.version} to {VERSION}"):
            jobs = signals.announce_upgraded()
    return Upgrade(before, copy, jobs)


def keep_copy(before: Home) -> Path | None:
    """Copy an SQLite database aside, and let go of all copies but the last; None for another database.

    Raises: HomeUnusableError where there is no room, DatabaseError where it is damaged.
    """
    source = homes.sqlite_file()
    if source is None or not source.exists():
        return None
    folder = Path(settings.SEMSEARCH_HOME) / COPIES
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = ROOM_FOR * source.stat().st_size, shutil.disk_usage(folder).free
    if free < needed:
        raise HomeUnusableError(
            f"The home {settings.SEMSEARCH_HOME} has to be brought up to {VERSION}, which takes "
            f"{needed / 2**20:,.0f} MB: {free / 2**20:,.0f} MB are free, make room."
        )
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{before.version}.sqlite3"
    part = path.with_suffix(".part")
    try:
        with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(part)) as copy:
            original.backup(copy)
            homes.check_whole(copy)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    for old in sorted(folder.glob("*.sqlite3"))[:-COPIES_KEPT]:
        old.unlink(missing_ok=True)
    return path
