"""Runs the whole site: broker, worker and web server, in the foreground."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.urls import reverse

from gallery.accounts import first_account
from gallery.errors import SemsearchError
from gallery.system.commands import SETTINGS
from gallery.system.home import homes, upgrades
from gallery.system.home.home_folder import close_to_others
from semsearch_site import logs, site_address
from semsearch_site.assets import static
from semsearch_site.supervise import Plan, PlannedPart, become_supervisor
from semsearch_site.supervision import processes
from semsearch_site.supervision.supervisor import broker_command, check_address, hold

# Said at every start, of a setting of the machine that is of no use to a queue as small as this.
BROKER_ALWAYS_SAYS = "Memory overcommit must be enabled"
# Said to whoever tries this as root, as in a container; a worker started without `serve` still says it.
WORKER_ALWAYS_SAYS = "You're running the worker with superuser privileges"
# nobody asks one worker about the others
WORKER = ("worker", "--schedules", "--without-gossip", "--without-mingle", "--loglevel", "WARNING")
RUNS_AS_ROOT = (
    "semsearch runs as root: whoever breaks into it has the whole machine. Give it an account of its own, as "
    "deploy/systemd/ does."
)
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
WEB = ("-c", "python:semsearch_site.gunicorn", "semsearch_site.wsgi", "--log-level", "warning")


class Command(BaseCommand):
    """`serve [--host H] [--port P]`."""

    # it says first what is wrong with the address
    needs_home = False
    requires_system_checks = (SETTINGS,)
    help = "Start broker (unless REDIS_URL names one), worker and web server; Ctrl-C stops them all."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the address."""
        parser.add_argument("--host", default=settings.HOST, help="the address to listen on")
        parser.add_argument("--port", default=settings.PORT, help="the port to listen on")
        parser.add_argument("--next-step", default="", help="a line to end the start with")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare everything, then become what starts it and waits."""
        try:
            host, port = site_address.host(options["host"]), site_address.port(str(options["port"]))
        except ValueError as error:
            raise CommandError(str(error)) from error
        if os.geteuid() == 0:
            logs.say(self.stderr.write, RUNS_AS_ROOT)
        try:
            homes.refuse_root()
            check_address(host, port)
            with hold(settings.SEMSEARCH_HOME):
                warn = partial(logs.say, self.stdout.write)
                close_to_others(settings.SEMSEARCH_HOME, settings.HOME_MODE, warn)
                upgrades.bring_up_to_date(warn)
                homes.look_through()
                static.collect_changed()
                processes.forget_earlier()
                plan = self._plan(host, port, options["next_step"])
        except SemsearchError as error:
            raise CommandError(str(error)) from error
        connection.close()
        os.environ["HOST"], os.environ["PORT"] = host, str(port)
        become_supervisor(plan)

    def _plan(self, host: str, port: int, next_step: str) -> Plan:
        parts = []
        settings.BROKER_ROOT.mkdir(parents=True, exist_ok=True)
        if not settings.REDIS_URL:
            command = broker_command(settings.BROKER_SOCKET, settings.BROKER_ROOT)
            parts.append(PlannedPart("broker", command, str(settings.BROKER_SOCKET), BROKER_ALWAYS_SAYS))
        worker = [sys.executable, "-W", f"ignore:{WORKER_ALWAYS_SAYS}", "-m", "celery", "--quiet"]
        parts.append(PlannedPart("worker", [*worker, "-A", "semsearch_site", *WORKER]))
        parts.append(PlannedPart("web server", [sys.executable, "-m", "gunicorn", *WEB]))
        site = f"http://{site_address.address(host, port)}"
        says = [
            f"semsearch is at {site}{settings.URL_PREFIX and f'{settings.URL_PREFIX}/'} - Ctrl-C stops it.",
            names_line(host),
            first_account_line(public_site() or site),
            next_step,
        ]
        return Plan(
            str(settings.SEMSEARCH_HOME),
            parts,
            [line for line in says if line],
            metrics=str(settings.METRICS_ROOT),
            log_format=settings.LOG_FORMAT,
        )


def names_line(host: str) -> str:
    """Return by which names others reach a site that listens to them, "" where it does not or any will do."""
    names = settings.ALLOWED_HOSTS
    if host in LOCAL_HOSTS or "*" in names or {name.strip("[]") for name in names} - LOCAL_HOSTS:
        return ""
    return (
        f"Only this machine may open it: ALLOWED_HOSTS is {','.join(names)}. Add the name or the address by "
        "which others will ask for it."
    )


def public_site() -> str:
    """Return the site as visitors of its proxy name it, "" where nothing says so.

    With HTTPS the address that the site listens on leads to https, which only the proxy speaks.
    """
    names = (
        name for name in settings.CSRF_TRUSTED_ORIGINS if name.startswith("https://") and "*" not in name
    )
    return next(names, "").rstrip("/") if settings.HTTPS else ""


def first_account_line(site: str) -> str:
    """Return how the first account is made, "" where there is one, or no database to ask."""
    try:
        if not first_account.is_needed():
            return ""
        address, code = reverse("accounts:first"), first_account.new_code()
        return f"No account yet: make the first at {site}{address} with the code {code}"
    except DatabaseError:
        return ""
