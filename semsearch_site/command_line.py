"""Django's command line, with a home that is up to date and errors of the home in words."""

from __future__ import annotations

import gc
import sys
from typing import Any

from django.core.management import ManagementUtility
from django.core.management.base import BaseCommand, OutputWrapper

from gallery.errors import SemsearchError
from gallery.system.home import homes

# Commands of Django that ask no database, or are there to be used on one as it is. Ours say it themselves, by
# `needs_home`.
WITHOUT_HOME = frozenset(
    {
        "check", "collectstatic", "compilemessages", "createcachetable", "dbshell", "diffsettings",
        "findstatic", "makemessages", "makemigrations", "migrate", "optimizemigration", "sendtestemail",
        "showmigrations", "spectacular", "sqlmigrate", "squashmigrations", "startapp", "startproject", "test",
    }
)  # fmt: skip


class CommandLine(ManagementUtility):
    """Runs a management command: any of them, and the first on a fresh home too."""

    def fetch_command(self, subcommand: str) -> BaseCommand:
        """Return the command, which first brings the home up to date once its words are understood."""
        command = super().fetch_command(subcommand)
        if subcommand != "search_images":  # which ends before there is anything to collect
            gc.freeze()
            gc.enable()
        execute = command.execute

        def on_a_home(*args: Any, **options: Any) -> Any:
            if needs_home(command, subcommand, options):
                from gallery.system.home import upgrades  # it needs the applications

                upgrades.bring_up_to_date(lambda line: OutputWrapper(sys.stderr).write(line))
            return execute(*args, **options)

        # argparse has ended by then where only help was asked for
        command.execute = on_a_home  # type: ignore[method-assign]
        return command


def needs_home(command: BaseCommand, name: str, options: dict[str, Any]) -> bool:
    """Whether a command works on the database of the home."""
    asked = getattr(command, "needs_home", name not in WITHOUT_HOME)
    return bool(asked(options)) if callable(asked) else bool(asked)


def run(argv: list[str]) -> None:
    """Run a command line; what is wrong with the home itself is a sentence and exit status 1."""
    try:
        with homes.errors_in_words():
            CommandLine(argv).execute()
    except SemsearchError as error:
        sys.exit(str(error))
