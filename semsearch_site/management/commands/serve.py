"""Runs the whole site: broker, worker and web server, in the foreground."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.urls import reverse

from gallery.accounts import first_account
from gallery.errors import SemsearchError
from gallery.system.home_folder import close_to_others
from semsearch_site import env as environment
from semsearch_site import processes
from semsearch_site.supervisor import Supervisor, broker_command, check_address

logger = logging.getLogger("semsearch_site.serve")

# Said at every start, of a setting of the machine that is of no use to a queue as small as this.
BROKER_ALWAYS_SAYS = b"Memory overcommit must be enabled"
# Said to whoever tries this as root, as in a container; a worker started without `serve` still says it.
WORKER_ALWAYS_SAYS = "You're running the worker with superuser privileges"
WORKER = ("worker", "--beat", "--loglevel", "WARNING")
RUNS_AS_ROOT = (
    "semsearch runs as root: whoever breaks into it has the whole machine. Give it an account of its own, as "
    "deploy/systemd/ does."
)
WEB = ("-c", "python:semsearch_site.gunicorn", "semsearch_site.wsgi", "--log-level", "warning")


class Command(BaseCommand):
    """`serve [--host H] [--port P]`."""

    help = "Start broker (unless REDIS_URL names one), worker and web server; Ctrl-C stops them all."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the address."""
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
        parser.add_argument("--next-step", default="", help="a line to end the start with")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start everything and wait."""
        host, port = options["host"], options["port"]
        if os.geteuid() == 0:
            say(self.stderr.write, RUNS_AS_ROOT)
        try:
            check_address(host, port)
            close_to_others(settings.SEMSEARCH_HOME, settings.HOME_MODE, partial(say, self.stdout.write))
            if _static_is_stale():
                call_command("collectstatic", verbosity=0, interactive=False)
            with Supervisor(settings.SEMSEARCH_HOME, partial(say, self.stderr.write)) as supervisor:
                self._start(supervisor, host, port)
                site = f"http://{environment.address(host, port)}"
                lines = [f"semsearch is at {site} - Ctrl-C stops it.", first_account_line(site)]
                connection.close()  # for as long as the site runs, nothing more is asked here
                for words in filter(None, [*lines, options["next_step"]]):
                    say(self.stdout.write, words, logging.INFO)
                self.stdout.flush()
                status = supervisor.run()
        except SemsearchError as error:
            raise CommandError(error.detail) from error
        sys.exit(status)

    def _start(self, supervisor: Supervisor, host: str, port: int) -> None:
        processes.start_counting()
        if not settings.REDIS_URL:
            command = broker_command(settings.BROKER_SOCKET, settings.BROKER_ROOT)
            supervisor.start("broker", command, without=BROKER_ALWAYS_SAYS)
            supervisor.wait_for_socket(settings.BROKER_SOCKET, "broker")
        settings.BROKER_ROOT.mkdir(parents=True, exist_ok=True)
        worker = [sys.executable, "-W", f"ignore:{WORKER_ALWAYS_SAYS}", "-m", "celery", "--quiet"]
        supervisor.start("worker", [*worker, "-A", "semsearch_site", *WORKER])
        os.environ["HOST"], os.environ["PORT"] = host, str(port)
        supervisor.start("web server", [sys.executable, "-m", "gunicorn", *WEB])


def say(write: Callable[[str], object], words: str, level: int = logging.WARNING) -> None:
    """Say something to whoever started the site, or as a line of its log where that is JSON."""
    if settings.LOG_FORMAT == "json":
        logger.log(level, "%s", words)
    else:
        write(words)


def first_account_line(site: str) -> str:
    """Return how the first account is made, "" where there is one, or no database to ask."""
    try:
        if not first_account.is_needed():
            return ""
        address, code = reverse("accounts:first"), first_account.new_code()
        return f"No account yet: make the first at {site}{address} with the code {code}"
    except DatabaseError:
        return ""


def _static_is_stale() -> bool:
    """Whether pages would miss style sheets or scripts, which are served under names of their content."""
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    if not manifest.exists():
        return True
    made = manifest.stat().st_mtime
    files = (path for folder in settings.STATICFILES_DIRS for path in Path(folder).rglob("*"))
    return any(path.stat().st_mtime > made for path in files)
