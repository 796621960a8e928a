"""Migrates the database, one process at a time."""

from __future__ import annotations

from typing import Any

from django.core.checks import Tags
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS

from gallery.errors import SemsearchError
from gallery.system.commands import SETTINGS
from gallery.system.concurrency.locking import exclusive_lock
from gallery.system.home import homes, upgrades

# with one of these nothing is brought up to date: what there is is told, or moved by hand
BY_HAND = ("app_label", "plan", "check_unapplied", "fake", "fake_initial", "prune", "run_syncdb")


class Command(migrate.Command):
    """Django's `migrate`; of several that start at once, one works and the others then find nothing to do."""

    requires_system_checks = (SETTINGS, Tags.database)

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait for the others, then migrate as any command does on an older home."""
        by_hand = options["database"] != DEFAULT_DB_ALIAS or any(options.get(name) for name in BY_HAND)
        try:
            homes.refuse_root()
            with homes.errors_in_words(), exclusive_lock(upgrades.LOCK):
                if by_hand:
                    super().handle(*args, **options)
                    return
                done = upgrades.perform(lambda: super(Command, self).handle(*args, **options))
        except SemsearchError as error:
            raise CommandError(str(error)) from error
        if options["verbosity"] and done.before.is_older and not done.before.is_new:
            self.stdout.write(str(done))
